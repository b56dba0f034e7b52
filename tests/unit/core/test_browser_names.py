from __future__ import annotations

import pytest

from gateway.core.browser import describe_browser

CHROME = "(KHTML, like Gecko) Chrome/150.0.0.0"
SENT = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0": "Firefox (Linux)",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {CHROME} Safari/537.36": "Chrome (Windows)",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {CHROME} Safari/537.36 Edg/150.0.0.0": "Edge (Windows)",
    f"Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 {CHROME} Mobile Safari/537.36": "Chrome (Android)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15": "Safari (macOS)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/150.0 Safari/605.1.15": "Firefox (iPhone)",
    "curl/8.14.1": "curl",
    "Somebody on Linux": "Linux",
    "": "",
    "Win a prize at https://evil.example": "",
}


@pytest.mark.parametrize(("sent", "named"), SENT.items(), ids=range(len(SENT)))
def test_only_names_that_are_known_come_out(sent, named):
    assert describe_browser(sent) == named
