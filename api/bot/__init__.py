"""The ops bot: what is said in a chat becomes questions to a Dejalog, and answers become messages.

    Slack ──signed HTTP / Socket Mode──▶ slack_app ──acknowledged──▶ work ──▶ handle ──▶ a Dejalog (api/client.py)
                                              ▲                                 │ render, thread, defaults, remember
                                          slack_api ◀────────── a Reply ────────┘
    a terminal ─────────────────────────────────────▶ terminal ───▶ handle

`handle` knows neither Slack nor HTTP; `slack_api` is the only file that asks Slack's Web API for anything.
"""
