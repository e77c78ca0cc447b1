"""What an app may import: the shared vocabulary and fakes to test against."""
