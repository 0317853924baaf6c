"""
Chess analysis by many small computers: a front takes a position or a game, workers with Stockfish
search its parts, and a Redis stream between them hands each part out until its result is there.

What the parts are and what comes of their results is decided in pure functions (``positions``,
``tasks``, ``uci``, ``answer``, ``pages``, ``request``); ``engine``, ``notation``, ``queue``,
``worker``, ``front`` and ``ask`` talk to the world. Python 3.11 and Debian's packages are enough:
stockfish, pgn-extract, redis-server, python3-redis.
"""
