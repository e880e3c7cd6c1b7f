"""The acoustic self-test: what the panel's loudspeaker, case and microphone do to sound, in numbers (`portero audio`)."""
