"""Spoken menus as VoiceXML 2.1 documents, keys in and prompts out: pure, without speech recognition. docs/voicexml.md has what is there."""
