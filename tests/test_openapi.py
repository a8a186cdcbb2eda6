"""The description for programs is true: it is compared with the table of routes and with real answers.

A small reader of JSON Schema stands below; it knows the few words that openapi.json uses and refuses others.
"""

from __future__ import annotations

import html
import json
import re
import unittest
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from unittest import mock

import authref
from authref.app.users import MAX_PAGE
from authref.maps import StoreUnavailable
from authref.passwords import MAX_LENGTH, MIN_LENGTH
from authref.roles import ROLES
from authref.serving.reader import MAX_BODY
from authref.throttle import Turns
from authref.users import MAX_EMAIL, objections
from authref.wire import Response
from tests.basics import PASSWORD
from tests.support import Harness, body, exchange, map_class, running

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
ANNOTATIONS = {"description", "format", "default"}  # words that forbid nothing
ALICE = {"email": "alice@example.com", "password": PASSWORD}
COOKIE: dict[str, list[str]] = {"cookie": []}
BEARER: dict[str, list[str]] = {"bearer": []}
SECURITY = {"": [], "session": [COOKIE], "bearer": [BEARER], "either": [COOKIE, BEARER]}


class Description:
    """openapi.json as the app serves it."""

    def __init__(self, harness: Harness) -> None:
        self.document: dict[str, Any] = json.loads(harness.send("GET", "/openapi.json").body)

    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What is said of each method of each path."""
        return {
            (method.upper(), path): operation
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }

    def follow(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node, or what its $ref points to. Raises KeyError when that is nowhere."""
        while "$ref" in node:
            target: Any = self.document
            start, *steps = node["$ref"].split("/")
            if start != "#":
                raise KeyError(node["$ref"])
            for step in steps:
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def request_schema(self, method: str, path: str) -> dict[str, Any] | None:
        """The schema of the body that this route takes, or None."""
        operation = self.operations()[method, path]
        if "requestBody" not in operation:
            return None
        return self.follow(self.follow(operation["requestBody"])["content"]["application/json"]["schema"])

    def fits(self, value: object, schema: dict[str, Any]) -> bool:
        """True if the schema allows the value."""
        return not list(self.faults(value, schema))

    def faults(self, value: object, schema: dict[str, Any], where: str = "$") -> Iterator[str]:
        """What the schema forbids in the value, a phrase for each."""
        schema = self.follow(schema)
        for word, argument in schema.items():
            if word == "type":
                kinds = [argument] if isinstance(argument, str) else argument
                if type(value) not in {kind for name in kinds for kind in TYPES[name]}:
                    yield f"{where} is no {argument}"
            elif word in ("enum", "const"):
                if value not in (argument if word == "enum" else [argument]):
                    yield f"{where} is none of {argument}"
            elif word == "pattern":
                if isinstance(value, str) and not re.fullmatch(argument, value):
                    yield f"{where} is not of the form {argument}"
            elif word in ("minLength", "maxLength", "minProperties"):
                if isinstance(value, str | dict):
                    right = len(value) <= argument if word == "maxLength" else len(value) >= argument
                    if not right:
                        yield f"{where} has not {word} {argument}"
            elif word == "required":
                if isinstance(value, dict):
                    yield from (f"{where}.{name} is missing" for name in argument if name not in value)
            elif word == "properties":
                if isinstance(value, dict):
                    for name in value.keys() & argument.keys():
                        yield from self.faults(value[name], argument[name], f"{where}.{name}")
            elif word == "additionalProperties":
                if isinstance(value, dict):
                    for name in value.keys() - schema.get("properties", {}).keys():
                        if argument is False:
                            yield f"{where}.{name} is not described"
                        else:
                            yield from self.faults(value[name], argument, f"{where}.{name}")
            elif word == "items":
                if isinstance(value, list):
                    for number, item in enumerate(value):
                        yield from self.faults(item, argument, f"{where}[{number}]")
            elif word not in ANNOTATIONS:
                raise NotImplementedError(f"this reader does not know {word!r}")


class OpenApiTest(unittest.TestCase):
    def setUp(self) -> None:
        self.harness = Harness()
        self.description = Description(self.harness)


class TheDocument(OpenApiTest):
    def test_its_form(self) -> None:
        """It is OpenAPI 3.1, of this version, served as JSON, and reads the same for our own strict reader."""
        document = self.description.document
        self.assertRegex(document["openapi"], r"\A3\.1\.\d+\Z")
        self.assertEqual(document["info"]["version"], authref.__version__)
        self.assertEqual(self.harness.send("GET", "/openapi.json").header("content-type"), "application/json")
        self.assertLessEqual(set(document), {"openapi", "info", "servers", "paths", "components", "tags", "security"})

    def test_a_route_that_is_not_described(self) -> None:
        """Paths and methods are exactly those of the app's table: none is missing, none is made up."""
        table = {(route.method, route.path) for route in self.harness.app.routes}
        self.assertEqual(set(self.description.operations()), table)

    def test_another_security_than_the_routes(self) -> None:
        """Each operation names the mechanisms that its route takes, and none where anybody may come."""
        operations = self.description.operations()
        for route in self.harness.app.routes:
            with self.subTest(route.path, method=route.method):
                described = operations[route.method, route.path]["security"]
                self.assertCountEqual(described, SECURITY[route.by])
                self.assertEqual(described == [], route.rule == "anyone")

    def test_a_scheme_that_is_not_ours(self) -> None:
        """The two schemes are the cookie by its name and the bearer token."""
        schemes = self.description.document["components"]["securitySchemes"]
        self.assertEqual(set(schemes), {"cookie", "bearer"})
        cookie = schemes["cookie"]
        self.assertEqual((cookie["type"], cookie["in"], cookie["name"]), ("apiKey", "cookie", "session"))
        self.assertEqual(cookie["name"], self.harness.app.sessions.cookie_name)
        self.assertEqual((schemes["bearer"]["type"], schemes["bearer"]["scheme"]), ("http", "bearer"))

    def test_a_reference_that_leads_nowhere(self) -> None:
        """Every $ref resolves, and every component is used."""
        used = set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(self.description.document)))
        for reference in used:
            with self.subTest(reference):
                self.assertIsInstance(self.description.follow({"$ref": reference}), dict)
        components = self.description.document["components"]
        there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
        self.assertEqual(used, there)
        with self.assertRaises(KeyError):
            self.description.follow({"$ref": "#/components/schemas/Nobody"})

    def test_what_a_client_needs(self) -> None:
        """Each operation has a name of its own, a summary, its path's parameters and, where it asks for one, a 401."""
        operations = self.description.operations()
        tags = {tag["name"] for tag in self.description.document["tags"] if tag["description"]}
        names = [operation["operationId"] for operation in operations.values()]
        self.assertEqual(len(names), len(set(names)))
        for (method, path), operation in operations.items():
            with self.subTest(path, method=method):
                self.assertTrue(operation["summary"])
                self.assertRegex(operation["description"], r"\A[A-Z].*\.\Z")
                self.assertLessEqual(set(operation["tags"]), tags)
                shared = self.description.document["paths"][path].get("parameters", [])
                parameters = [*shared, *operation.get("parameters", [])]
                in_path = {item["name"] for item in parameters if item["in"] == "path"}
                self.assertEqual(in_path, set(re.findall(r"\{(\w+)\}", path)))
                if operation["security"]:
                    self.assertIn("401", operation["responses"])

    def test_limits_that_are_not_the_codes(self) -> None:
        """The limits and the roles it tells are the constants that the code applies."""
        schemas = self.description.document["components"]["schemas"]
        password = schemas["NewAccount"]["properties"]["password"]
        self.assertEqual((password["minLength"], password["maxLength"]), (MIN_LENGTH, MAX_LENGTH))
        self.assertEqual(schemas["NewAccount"]["properties"]["email"]["maxLength"], MAX_EMAIL)
        self.assertEqual(schemas["Credentials"]["properties"]["password"]["maxLength"], MAX_LENGTH)
        self.assertEqual(schemas["Role"]["enum"], list(ROLES))
        parameters = self.description.operations()["GET", "/users"]["parameters"]
        limits = {item["name"]: item["schema"] for item in parameters}
        self.assertEqual(set(limits), {"limit", "after"})
        self.assertEqual((limits["limit"]["minimum"], limits["limit"]["maximum"]), (1, MAX_PAGE))
        self.assertEqual(limits["limit"]["default"], MAX_PAGE)

    def test_an_address_that_only_one_of_them_takes(self) -> None:
        """The pattern of an e-mail address allows what a sign-up takes, and nothing else."""
        schema = self.description.document["components"]["schemas"]["NewAccount"]["properties"]["email"]
        for email in ("a@b", "alice@example.com", "a.b+c@x.y-z.example", "@b", "a@", "a", "", "a@b.", "a@-b", "a b@c",
                      "a@b\n", "\u0430@b", "a@" + "b" * 64, "a@" + "b" * 63, "a" * 65 + "@b", "a@b@c"):  # fmt: skip
            with self.subTest(email):
                takes = "email" not in objections(email, PASSWORD)
                self.assertEqual(self.description.fits(email, schema), takes)


class RealAnswers(OpenApiTest):
    def life(self) -> Iterator[tuple[str, str, Response]]:
        """Answers of every route, of every status: each with the route's method and path as the table has them."""
        yield from self.signing_up_and_in()
        yield from self.tokens_and_logins()
        yield from self.administration()
        yield from self.too_many()
        yield from self.without_store()
        for route in self.harness.app.routes:
            if route.by in ("bearer", "either"):  # half an Authorization header is 400 (RFC 6750 §3.1)
                target = route.path.replace("{id}", "x")
                yield route.method, route.path, self.harness.send(route.method, target, authorization="Bearer")
        for method, path in (
            ("GET", "/health"),
            ("GET", "/openapi.json"),
            ("GET", "/"),
            ("GET", "/me"),
            ("POST", "/logout"),
        ):
            for query in ("", "?token=x"):
                yield method, path, self.harness.send(method, path + query)
        yield from self.bodies()

    def bodies(self) -> Iterator[tuple[str, str, Response]]:
        """What each route that takes a body says to one that is absent, too long (told by the reader) or no JSON."""
        self.harness.sign_up("root2@example.com", role="admin")
        root = {"cookie": self.harness.cookie("root2@example.com")}
        with running(self.harness.app) as server:
            for method, path in self.description.operations():
                if self.description.request_schema(method, path) is not None:
                    target = path.replace("{id}", "nobody")
                    yield method, path, self.harness.send(method, target, **root)
                    yield method, path, self.harness.send(method, target, content_length="0", **root)
                    head = f"{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n"
                    said, _, text = exchange(server, head.encode()).partition(b"\r\n\r\n")
                    line, *fields = said.decode().split("\r\n")
                    headers = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
                    yield method, path, Response(int(line.split()[1]), text, tuple(headers))

    def signing_up_and_in(self) -> Iterator[tuple[str, str, Response]]:
        send = self.harness.send
        new = {"email": "new@example.com", "password": PASSWORD}
        self.harness.sign_up()
        for value in (new, new, {}, {"email": "x", "password": "short"}):
            yield "POST", "/signup", send("POST", "/signup", value)
        for path in ("/login", "/token/login"):
            for credentials in (ALICE, {**ALICE, "password": "a wrong password"}, {"email": 1}, []):
                yield "POST", path, send("POST", path, credentials)
        yield "POST", "/logout", send("POST", "/logout")
        for caller in ({"cookie": self.harness.cookie()}, {}):
            yield "GET", "/me", send("GET", "/me", **caller)
        for method, path in self.description.operations():
            if method != "GET":
                foreign = {"host": "a.example", "origin": "https://evil.example"}
                yield method, path, send(method, path.replace("{id}", "x"), ALICE, **foreign)

    def tokens_and_logins(self) -> Iterator[tuple[str, str, Response]]:
        send = self.harness.send
        as_alice = {"authorization": self.harness.bearer()}
        for caller in (as_alice, {}, {"authorization": "Bearer x"}):
            yield "GET", "/token/me", send("GET", "/token/me", **caller)
        for path in ("/token/refresh", "/token/logout"):
            token = body(send("POST", "/token/login", ALICE))["refresh_token"]
            for value in ({"refresh_token": token}, {"refresh_token": token[:9]}, {}, []):
                yield "POST", path, send("POST", path, value)
        session = {"cookie": self.harness.cookie()}
        logins = send("GET", "/me/sessions", **session)
        yield "GET", "/me/sessions", logins
        yield "GET", "/me/sessions", send("GET", "/me/sessions")
        for login in (body(logins)["sessions"][0]["id"], "x"):
            for caller in (session, {}):
                yield "DELETE", "/me/sessions/{id}", send("DELETE", f"/me/sessions/{login}", **caller)
        change = {"current_password": PASSWORD, "new_password": PASSWORD}
        for value in (change, {}, {**change, "new_password": "short"}, {**change, "current_password": "wrong"}):
            session = {"cookie": self.harness.cookie()}
            yield "POST", "/me/password", send("POST", "/me/password", value, **session)
        yield "POST", "/me/password", send("POST", "/me/password", change)
        for caller in ({"cookie": self.harness.cookie()}, {}):
            yield "DELETE", "/me/sessions", send("DELETE", "/me/sessions", **caller)

    def administration(self) -> Iterator[tuple[str, str, Response]]:
        send = self.harness.send
        root = self.harness.sign_up("root@example.com", role="admin")
        alice = body(send("GET", "/me", cookie=self.harness.cookie()))["user"]["id"]
        as_alice, as_root = {"cookie": self.harness.cookie()}, {"cookie": self.harness.cookie("root@example.com")}
        for query, caller in (("", as_root), ("?limit=1", as_root), ("?limit=x", as_root), ("", as_alice), ("", {})):
            yield "GET", "/users", send("GET", "/users" + query, **caller)
        for user_id, caller in ((alice, as_alice), (root, as_alice), ("nobody", as_root), (alice, {})):
            yield "GET", "/users/{id}", send("GET", f"/users/{user_id}", **caller)
        for user_id, value, caller in (
            (alice, {"role": "user"}, as_root),
            (root, {"role": "user"}, as_root),
            (alice, {}, as_root),
            (alice, {"role": "king"}, as_root),
            ("nobody", {"disabled": True}, as_root),
            (root, {}, as_alice),
            (alice, {}, {}),
        ):
            yield "PATCH", "/users/{id}", send("PATCH", f"/users/{user_id}", value, **caller)
        for user_id, caller in ((root, as_root), ("nobody", as_root), (root, as_alice), (alice, {}), (alice, as_root)):
            yield "DELETE", "/users/{id}", send("DELETE", f"/users/{user_id}", **caller)

    def too_many(self) -> Iterator[tuple[str, str, Response]]:
        """503 while no place is left to hash a password, then 429 after too many failures and sign-ups."""
        self.harness.sign_up("bob@example.com")
        as_bob = {"cookie": self.harness.cookie("bob@example.com")}
        change = {"current_password": "a wrong password", "new_password": PASSWORD}
        requests: tuple[tuple[str, object, dict[str, str]], ...] = (
            ("/signup", {"email": "late@example.com", "password": PASSWORD}, {}),
            ("/login", {"email": "bob@example.com", "password": "a wrong password"}, {}),
            ("/token/login", {"email": "bob@example.com", "password": "a wrong password"}, {}),
            ("/me/password", change, as_bob),
        )
        with mock.patch("authref.throttle.turns", Turns(running=0, waiting=0)):
            for path, value, caller in requests:
                yield "POST", path, self.harness.send("POST", path, value, **caller)
        for path, value, caller in requests:
            for _ in range(125):
                answer = self.harness.send("POST", path, value, **caller)
                if answer.status == 429:
                    break
            yield "POST", path, answer

    def without_store(self) -> Iterator[tuple[str, str, Response]]:
        harness = Harness(revocation="denylist")
        harness.sign_up()
        refresh = body(harness.send("POST", "/token/login", ALICE))["refresh_token"]
        cookie, bearer = {"cookie": harness.cookie()}, {"authorization": harness.bearer()}
        values: dict[str, object] = {"/signup": ALICE, "/login": ALICE, "/token/login": ALICE}
        values |= {"/token/refresh": {"refresh_token": refresh}, "/token/logout": {"refresh_token": refresh}}
        with ExitStack() as stack:
            for verb in ("get", "__setitem__", "setdefault", "pop", "replace", "owned_by", "drop_owned_by", "page"):
                stack.enter_context(mock.patch.object(map_class(), verb, side_effect=StoreUnavailable))
            stack.enter_context(mock.patch.object(harness.app.store, "check", side_effect=StoreUnavailable))
            for method, path in self.description.operations():
                if path not in ("/", "/openapi.json"):
                    caller = bearer if path == "/token/me" else cookie
                    yield method, path, harness.send(method, path.replace("{id}", "x"), values.get(path), **caller)

    def test_answers_that_are_not_as_described(self) -> None:
        """Each real answer has a status, a media type and exactly the members that its description says."""
        operations = self.description.operations()
        seen: set[tuple[str, str, str]] = set()
        for method, path, answer in self.life():
            with self.subTest(path, method=method, status=answer.status):
                seen.add((method, path, str(answer.status)))
                responses = operations[method, path]["responses"]
                self.assertIn(str(answer.status), responses, "answered here, and not described")
                described = self.description.follow(responses[str(answer.status)])
                for name in described.get("headers", {}):
                    self.assertIsNotNone(answer.header(name.lower()), name)
                self.assertEqual(answer.header("retry-after") is not None, answer.status in (429, 503))
                kind = (answer.header("content-type") or "").partition(";")[0]
                self.assertEqual([kind] if kind else [], list(described.get("content", {})))
                if kind.endswith("json"):
                    schema = described["content"][kind]["schema"]
                    self.assertEqual(list(self.description.faults(json.loads(answer.body), schema)), [])
        promised = {(*route, code) for route, operation in operations.items() for code in operation["responses"]}
        self.assertEqual(promised - seen, set(), "described, and never answered here")

    def test_problems_with_other_members(self) -> None:
        """A problem has the members that the schema lists, no others; `errors` only where fields are wrong."""
        described = self.description.document["components"]["schemas"]["Problem"]
        problems = [
            json.loads(answer.body)
            for _, _, answer in self.life()
            if answer.header("content-type") == "application/problem+json"
        ]
        self.assertGreater(len(problems), 20)
        for problem in problems:
            self.assertLessEqual(set(described["required"]), set(problem))
            self.assertLessEqual(set(problem), set(described["properties"]))

    def test_bodies_that_the_description_allows(self) -> None:
        """A body that the description forbids is refused, and the one it allows is taken: the two agree."""
        alice = self.harness.sign_up()
        self.harness.sign_up("root@example.com", role="admin")
        as_root = {"cookie": self.harness.cookie("root@example.com")}
        new = {"email": "new@example.com", "password": PASSWORD}
        for method, path, value, allowed in (
            ("POST", "/signup", new, True),
            ("POST", "/signup", {**new, "role": "admin"}, False),
            ("POST", "/signup", {**new, "password": "short"}, False),
            ("POST", "/signup", {**new, "password": "x" * 1025}, False),
            ("POST", "/signup", {**new, "email": ["new@example.com"]}, False),
            ("POST", "/signup", {**new, "email": "x" * 250 + "@a.example"}, False),
            ("POST", "/login", ALICE, True),
            ("POST", "/login", {**ALICE, "password": ""}, False),
            ("POST", "/login", {"email": "alice@example.com"}, False),
            ("POST", "/token/login", ALICE, True),
            ("POST", "/token/login", {**ALICE, "password": None}, False),
            ("POST", "/token/logout", {"refresh_token": "unknown"}, True),
            ("POST", "/token/logout", {"refresh_token": None}, False),
            ("POST", "/token/logout", {"refresh_token": "unknown", "grant_type": "refresh_token"}, False),
            ("POST", "/token/refresh", {}, False),
            ("POST", "/me/password", {"current_password": PASSWORD, "new_password": "short"}, False),
            ("POST", "/me/password", {"current_password": "", "new_password": PASSWORD}, False),
            ("POST", "/me/password", {"new_password": PASSWORD}, False),
            ("PATCH", "/users/{id}", {"disabled": False}, True),
            ("PATCH", "/users/{id}", {"role": "user"}, True),
            ("PATCH", "/users/{id}", {}, False),
            ("PATCH", "/users/{id}", {"disabled": 0}, False),
            ("PATCH", "/users/{id}", {"role": "king"}, False),
            ("PATCH", "/users/{id}", {"email": "x@example.com"}, False),
            ("POST", "/me/password", {"current_password": PASSWORD, "new_password": "another password"}, True),
        ):
            with self.subTest(path, value=str(value)[:60]):
                schema = self.description.request_schema(method, path)
                assert schema is not None
                self.assertEqual(self.description.fits(value, schema), allowed)
                caller = {} if path in ("/login", "/token/login") else as_root
                answer = self.harness.send(method, path.replace("{id}", alice), value, **caller)
                self.assertEqual(answer.status in (200, 201, 204), allowed, answer)

    def test_routes_that_read_a_body(self) -> None:
        """Exactly the routes that ask for a body describe one."""
        self.harness.sign_up("root@example.com", role="admin")
        for method, path in self.description.operations():
            with self.subTest(path, method=method):
                as_root = {"cookie": self.harness.cookie("root@example.com")}
                answer = self.harness.send(method, path.replace("{id}", "nobody"), **as_root)
                described = self.description.request_schema(method, path) is not None
                self.assertEqual(answer.status == 411, described)

    def test_the_schema_reader(self) -> None:
        """This module's own reader of schemas refuses what it should, or nothing above could fail."""
        user = self.description.document["components"]["schemas"]["User"]
        right = {"id": "1", "email": "a@b", "role": "user", "disabled": False, "created_at": ""}
        self.assertTrue(self.description.fits(right, user))
        for wrong in ({**right, "password_hash": "x"}, {**right, "disabled": 0}, {**right, "role": "king"}, {}, [],
                      {name: right[name] for name in right if name != "id"}, {**right, "email": None}):  # fmt: skip
            with self.subTest(wrong):
                self.assertFalse(self.description.fits(wrong, user))
        with self.assertRaises(NotImplementedError):
            self.description.fits("", {"not": {}})


class ThePage(OpenApiTest):
    def test_a_route_that_the_page_does_not_mention(self) -> None:
        """The page for people names every route of the table, and no others."""
        page = html.unescape(re.sub(r"<[^>]+>", "\n", self.harness.send("GET", "/").body.decode()))
        named = set(re.findall(r"^((?:GET|POST|PUT|PATCH|DELETE) /\S*)$", page, re.MULTILINE))
        self.assertEqual(named, {f"{route.method} {route.path}" for route in self.harness.app.routes})

    def test_what_the_page_loads(self) -> None:
        """The page loads nothing, runs nothing and posts nothing: the policy of every answer would not let it."""
        page = self.harness.send("GET", "/").body.decode().lower()
        for forbidden in ("<script", "<style", "<form", "<iframe", "<img", "<base", "<link", " style=", " on", "http:"):
            with self.subTest(forbidden):
                self.assertNotRegex(page, re.escape(forbidden) + (r"\w+=" if forbidden == " on" else ""))


if __name__ == "__main__":
    unittest.main()
