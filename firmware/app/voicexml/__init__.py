"""Spoken menus at work: documents and sounds fetched, words spoken, wishes taken to the door. The interpreter is `outlets.voicexml`."""
