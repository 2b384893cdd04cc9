#!/usr/bin/env bash
# Make the token, the passwords and the key that docker-compose.yml reads, in deploy/secrets, and empty files for those that
# others give you (Slack, a model, a webhook). What is there is kept.
# The folder is closed to other users; its files are readable, because processes in containers have users of their own.
set -euo pipefail
cd "$(dirname "$0")"
make_given() {
    for name in slack_bot_token slack_app_token slack_signing_secret notify_url openai_base_url openai_api_key; do
        if [ ! -e "$1/$name" ]; then
            install -m 0644 /dev/null "$1/$name"
            echo "added $name, which is empty: fill it if you use it" >&2
        fi
    done
}
if [ -e secrets ]; then
    make_given secrets
    echo "what is in deploy/secrets already stays as it is; remove it to make new ones (stores keep the old passwords)" >&2
    exit 0
fi
umask 077
unfinished=$(mktemp -d secrets.XXXXXX)
trap 'rm -rf "$unfinished"' EXIT
redis=$(openssl rand -hex 32)
elastic=$(openssl rand -hex 32)
openssl rand -hex 32 >"$unfinished/token"
printf 'requirepass %s\n' "$redis" >"$unfinished/redis.conf"
printf 'redis://:%s@redis:6379/0\n' "$redis" >"$unfinished/redis_url"
printf '%s\n' "$elastic" >"$unfinished/elastic_password"
printf 'http://elastic:%s@elasticsearch-nodes:9200\n' "$elastic" >"$unfinished/elasticsearch_url"
# Nodes of Elasticsearch know each other by this one certificate.
openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj /CN=elasticsearch-nodes \
    -keyout "$unfinished/elasticsearch_node.key" -out "$unfinished/elasticsearch_node.crt" 2>/dev/null
chmod 0444 "$unfinished"/*
make_given "$unfinished"
mv -T "$unfinished" secrets
trap - EXIT
echo "made deploy/secrets" >&2
