"""Mail: what letters say (letters.py and the folder letters/), what they look like on their way (message.py), and the ways out (senders.py, smtp.py).

Knows no services and no stores: where letters wait is `stores/outbox.py`, when they leave is `services/mailing.py`.
"""
