"""What uses transactions: calls, registrations, queries (RFC 5057 names these usages).

    agent ── outgoing_call ─┬─ client_request ── transaction.layer      how a request of ours finds its way: look-up, next hop,
          │                 │       └ credentials                        size, challenge, CANCEL (RFC 3261 §8.1, §9.1, §22)
          ├─ incoming_call ─┤
          │                 └─ session ── reinvite, dialog_request      an answered call: one dialog, both directions (§12, §14, §15)
          │                       ├ acceptance, negotiation              2xx and ACK (§13); offer and answer (RFC 3264)
          │                       ├ update, refresh                      UPDATE (RFC 3311); session timers (RFC 4028)
          │                       └ refer                                transfers, asked and obeyed (RFC 3515)
          ├─ legs                                                        commands for a call, whatever its state
          ├─ takeover                                                    Replaces and Join (RFC 3891, RFC 3911)
          ├─ flows ── registration ─┬─ binding, backoff, knocking        an account kept bound (§10), over one or two flows (RFC 5626),
          │                         ├─ keepalive                        through NATs (RFC 5626 §4.4, RFC 8489)
          │                         └─ liveness                         and its registrar watched
          ├─ registration_watch                                         the registrar's own word on it (RFC 3680)
          ├─ admission                                                  who may reach us, and who must prove a password (§22.1)
          ├─ stateless                                                  what is answered and forgotten (§8.2.7)
          ├─ desk ─┬─ message                                           RFC 3428
          │        ├─ subscription                                      ours (RFC 6665 §4.1)
          │        ├─ notifier ─┬ dialog_state, presence_state …        those who watch us (RFC 6665 §4.2, RFC 4235, RFC 3856)
          │        │            ├ quality_state                         how the last call sounded (RFC 6035)
          │        │            └ conference_state ── conference_roster  who takes part in our conversation (RFC 4575)
          │        ├─ refer_outside                                      REFER that belongs to no call (RFC 4579 §5.5, RFC 4538)
          │        └─ publication                                       RFC 3903
          ├─ relocation                                                 our address changes while we talk
          ├─ options                                                    §11
          └─ server_request                                             what every request must pass first (§8.2)

Before the answer, `early_dialog` is what each ringing phone has with our outgoing call, `reliable` the acknowledged provisional
responses of both sides (RFC 3262), and `caller` what an INVITE says of who calls.

`endpoint` is what all of them share, `dialog` a value, `addressing` says how we are called. A usage changes in three ways: a command,
a message, a timer that it set; it answers through the endpoint with effects. Each sets a fixed number of timers by name and drops them when
it is over; `Endpoint.census` counts what is left.
"""
