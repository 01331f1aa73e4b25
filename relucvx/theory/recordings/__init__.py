"""From a recording to theory: the recorded kernel, its questions at every strength, and the verdict in words."""
