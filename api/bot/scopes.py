"""What the bot needs of a Slack app: deploy/slack/manifest.yaml asks for it, `dejalog bot doctor` looks for it."""

BOT_SCOPES = {
    "app_mentions:read": "to be told when it is mentioned",
    "channels:history": "to read a thread's alert in a public channel",
    "channels:read": "to know in which public channels it is (doctor)",
    "chat:write": "to answer",
    "commands": "for /dejalog",
    "groups:history": "to read a thread's alert in a private channel",
    "groups:read": "to know in which private channels it is (doctor)",
    "im:history": "for direct messages",
    "reactions:write": "to show 👀 at once",
    "users:read": "to name who wrote a note",
}
APP_SCOPE = "connections:write"
EVENTS = ("app_mention", "message.im")
COMMAND = "/dejalog"
PATHS = {"events": "/slack/events", "commands": "/slack/commands", "interactions": "/slack/interactions"}
