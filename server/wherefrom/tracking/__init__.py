"""What makes a letter tell of itself: its links and pixel, what reached them, and who that was."""
