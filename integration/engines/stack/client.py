"""The client of the stack: asks the web server, and checks each answer. Runs in the container `client`.

client.py ask ROUND N    N requests: a row is written and read back, in turn; the keys are ROUND's own
client.py read ROUND N   N requests: the rows that `ask ROUND` has written, again and again
The last line is `N requests, N right`; exit code 1 if an answer was wrong, or none came. Nothing is asked twice.
"""

import os
import sys
import urllib.request


def request(method, key, text=None):
    body = None if text is None else text.encode()
    call = urllib.request.Request(f"http://{os.environ['WEB_HOST']}:8080/rows/{key}", body, method=method)
    with urllib.request.urlopen(call, timeout=30) as answer:
        return answer.read().decode()


def is_right(what, round_name, number):
    key = f"{round_name}-{number // 2}"
    text = f"the text of {key}: " + 50 * "ä"
    if what == "ask" and number % 2 == 0:
        method, sent, expected = "PUT", text, f"stored {key}"
    else:
        method, sent, expected = "GET", None, text
    try:
        seen = request(method, key, sent)
    except OSError as error:
        seen = f"{error}"
    if seen != expected:
        print(f"{method} {key}: expected '{expected}', saw '{seen}'")
    return seen == expected


what, round_name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
right = sum(is_right(what, round_name, number) for number in range(count))
print(f"{count} requests, {right} right")
sys.exit(right != count)
