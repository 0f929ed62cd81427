"""From somebody's words and somebody else's facts to text: no row, no setting, nothing but what is handed in."""
