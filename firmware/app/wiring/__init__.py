"""What each room is told at the start, made from the settings. Pure; a room's values are imported only when its file here is."""
