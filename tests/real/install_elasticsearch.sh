#!/usr/bin/env bash
# Put the archive of a real Elasticsearch server into folder $1, by its Maven coordinates, its checksum verified; and see
# that Java 17 is there. Uses apt for Java and Maven where it may, else fails naming the packages. Nothing is done twice.
set -euo pipefail
folder=$1
version=8.19.21
archive=$folder/elasticsearch-$version.zip
checksum=215d5f3dbf0609a149f6218a9e47b6ae2df34ebbff3c5754e35f15a5e5393c8a

is_whole() { [ -f "$1" ] && echo "$checksum  $1" | sha256sum --check --status; }
has_java() { compgen -G "/usr/lib/jvm/java-17-openjdk*/bin/java" >/dev/null || [ -x "${ES_JAVA_HOME:-}/bin/java" ]; }

need() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
    else
        echo "setup: install the packages $* (or set ELASTICSEARCH_URL), then run make again." >&2
        exit 1
    fi
}

[ -n "${ELASTICSEARCH_URL:-}" ] && exit 0
has_java || need openjdk-17-jre-headless
is_whole "$archive" && exit 0
command -v mvn >/dev/null || need maven
mkdir -p "$folder"
mvn --quiet --batch-mode dependency:copy -Dmdep.useBaseVersion=true "-DoutputDirectory=$folder" \
    "-Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip"
is_whole "$archive" || {
    rm -f "$archive"
    echo "setup: what Maven brought as elasticsearch-$version.zip does not have the expected SHA-256; it was removed." >&2
    exit 1
}
