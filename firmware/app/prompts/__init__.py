"""Spoken prompts in five languages: `LANGUAGE/NAME.wav`, 16-bit mono at 8 kHz, and how they are made (`python -m firmware.app.prompts`)."""
