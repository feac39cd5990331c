"""Files of human judgments: the layout of BAPPS, read in batches and written from choices of one's own or by rule."""
