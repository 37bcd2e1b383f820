"""The live page: a small server, what it sends to browsers, and the page itself. `wearecg.sinks.web` feeds it."""
