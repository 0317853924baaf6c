"""
A pipeline of sensors: one on every node tells a Mosquitto broker what it measures, and an
aggregator makes minutes of that and serves them over HTTP.

What a message means and what is kept of it is decided in pure functions (``readings``,
``history``, ``wrong``, ``report``, ``pages``, ``simulated``, ``settings``, ``mosquitto``);
``client``, ``sensor``, ``aggregator``, ``broker`` and ``start`` talk to the world. Python 3.11 and
Debian 12's packages are enough: mosquitto, mosquitto-clients, python3-paho-mqtt.
"""
