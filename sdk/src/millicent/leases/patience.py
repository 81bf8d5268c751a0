"""How long somebody waits for a budget."""

from typing import Final

WITHOUT_PROGRESS_S: Final = 30.0


class Patience:
    """With `timeout_s` it ends after that time; without, once nothing was finished for WITHOUT_PROGRESS_S.

    `left_s` is what is left of it. Time in which this process did not run is not counted: nothing could be tried then.
    """

    def __init__(self, timeout_s: float | None, finished: int) -> None:
        self.left_s = WITHOUT_PROGRESS_S if timeout_s is None else timeout_s
        self._is_renewed = timeout_s is None
        self._finished = finished

    def waited(self, asked_s: float, took_s: float, finished: int) -> None:
        """A pause of `asked_s` that took longer was a stop of the process, or of its machine."""
        self.left_s -= min(asked_s, took_s)
        if self._is_renewed and finished > self._finished:
            self.left_s = WITHOUT_PROGRESS_S
        self._finished = finished
