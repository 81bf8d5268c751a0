"""What we add to the emulator, inside its own process: this runs on the interpreter of `.tools/cloud`.

The emulator keeps everything in memory and writes it down when it is asked to stop. AWS loses nothing that it has
acknowledged. So before the emulator starts, `seams` replaces a few of its functions by ours:

* `journal` writes items and messages to disk before the caller has the answer;
* `saved_state` writes the rest (the stack, the functions, the roles) down once it has changed;
* `shared_layers` unpacks a layer once for all workers;
* `kept_resources` gives a new stack the tables and queues that a deleted stack left behind.

`journal` and `shared_layers` know nothing of the emulator and are tested by themselves.
"""
