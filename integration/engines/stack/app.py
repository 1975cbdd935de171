"""The web application of the stack: rows of PostgreSQL by HTTP. Runs in the container `app`; nginx asks it, the client asks nginx.

PUT /rows/KEY stores the body, GET /rows/KEY gives it back, GET /health says whether the database answers. A database that is away is
503 to the one who asks, and the next request connects again: the application itself must not end when the database is killed.
"""

import http.server
import os
import signal
import sys

import psycopg2

connection = None


def query(sql, *values):
    """One statement, committed; its first row."""
    global connection
    try:
        if connection is None:
            connection = psycopg2.connect(host=os.environ["DB_HOST"], user="app", dbname="app", password=os.environ["DB_PASSWORD"], connect_timeout=5)
            connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchone()
    except psycopg2.Error:
        if connection is not None:
            connection.close()
        connection = None
        raise


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, code, text):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_from(self, sql, *values):
        try:
            row = query(sql, *values)
        except psycopg2.Error as error:
            self.answer(503, f"the database: {error}")
            return
        if row is None:
            self.answer(404, "no such row")
        else:
            self.answer(200, row[0])

    def do_GET(self):
        if self.path == "/health":
            self.answer_from("SELECT 'well'")
        else:
            self.answer_from("SELECT text FROM rows WHERE key = %s", self.path.removeprefix("/rows/"))

    def do_PUT(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer_from(
            "INSERT INTO rows VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET text = excluded.text RETURNING 'stored ' || key",
            self.path.removeprefix("/rows/"), text)

    def log_message(self, format, *values):
        pass


# The first process of a pid namespace has no default action for a signal: without this only SIGKILL ends it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("the application is up", flush=True)
http.server.HTTPServer(("", 8000), Handler).serve_forever()
