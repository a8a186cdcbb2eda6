"""Python's clients that keep cookies: the name of one, and the URL."""

from __future__ import annotations

import asyncio
import http.cookiejar
import os
import sys
import urllib.error
import urllib.request
from importlib.metadata import version

BODY = os.environ["BODY"].encode()
JSON = {"Content-Type": "application/json"}
ME = ("GET", "/me", None, {})
STEPS = (("POST", "/login", BODY, JSON), ME, ("POST", "/logout", b"", {}), ME)


def urllib_() -> None:
    """urllib.request with http.cookiejar."""
    print("Python", sys.version.split()[0])
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    for method, path, body, headers in STEPS:
        request = urllib.request.Request(sys.argv[2] + path, data=body, headers=headers, method=method)
        try:
            print(opener.open(request).status)
        except urllib.error.HTTPError as refused:
            print(refused.code)


def _like_requests(name: str) -> None:
    session = __import__(name).Session()
    print(name, version(name))
    for method, path, body, headers in STEPS:
        print(session.request(method, sys.argv[2] + path, data=body, headers=headers).status_code)


def requests() -> None:
    """requests.Session."""
    _like_requests("requests")


def niquests() -> None:
    """niquests.Session."""
    _like_requests("niquests")


def curl_cffi() -> None:
    """curl_cffi.requests.Session, which has libcurl's cookie engine."""
    from curl_cffi import requests as client

    print("curl_cffi", version("curl_cffi"))
    session = client.Session()
    for method, path, body, headers in STEPS:
        print(session.request(method, sys.argv[2] + path, data=body, headers=headers).status_code)


def mechanicalsoup() -> None:
    """mechanicalsoup.Browser."""
    import mechanicalsoup

    print("MechanicalSoup", version("mechanicalsoup"))
    browser = mechanicalsoup.Browser()
    for method, path, body, headers in STEPS:
        print(browser.request(method, sys.argv[2] + path, data=body, headers=headers).status_code)


def geventhttpclient() -> None:
    """geventhttpclient.useragent.UserAgent, with its CookieJar."""
    from geventhttpclient.useragent import CookieJar, UserAgent

    print("geventhttpclient", version("geventhttpclient"))
    agent = UserAgent(cookiejar=CookieJar(), max_retries=1)
    agent.valid_response_codes = frozenset(range(200, 500))
    for method, path, body, headers in STEPS:
        print(agent.urlopen(sys.argv[2] + path, method=method, payload=body, headers=headers).status_code)


def treq() -> None:
    """treq.client.HTTPClient over Twisted's agent, which keeps cookies in http.cookiejar's jar."""
    from treq.client import HTTPClient
    from twisted.internet import task
    from twisted.web.client import Agent

    async def ask(reactor: object) -> None:
        client = HTTPClient(Agent(reactor))
        for method, path, body, headers in STEPS:
            answer = await client.request(method, sys.argv[2] + path, data=body, headers=headers)
            await answer.content()
            print(answer.code)

    print("treq", version("treq"))
    task.react(lambda reactor: ask(reactor))


def scrapy() -> None:
    """A Scrapy spider, whose cookies a middleware keeps."""
    from scrapy import Request, Spider
    from scrapy.crawler import CrawlerProcess

    class Login(Spider):
        name = "login"
        handle_httpstatus_list = (401,)

        async def start(self):
            yield self.step(0)

        def step(self, number: int) -> Request:
            method, path, body, headers = STEPS[number]
            asked = {"method": method, "body": body or b"", "headers": headers, "cb_kwargs": {"number": number}}
            return Request(sys.argv[2] + path, self.parse, dont_filter=True, **asked)

        def parse(self, response, number):
            print(response.status)
            if number < 3:
                yield self.step(number + 1)

    print("Scrapy", version("scrapy"))
    crawler = CrawlerProcess({"LOG_ENABLED": False, "ROBOTSTXT_OBEY": False, "TELNETCONSOLE_ENABLED": False})
    crawler.crawl(Login)
    crawler.start()


def httpx() -> None:
    """httpx.Client."""
    import httpx

    print("httpx", version("httpx"))
    with httpx.Client() as client:
        for method, path, body, headers in STEPS:
            print(client.request(method, sys.argv[2] + path, content=body, headers=headers).status_code)


def aiohttp() -> None:
    """aiohttp.ClientSession, which keeps cookies of names and not of IP addresses."""
    import aiohttp

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            for method, path, body, headers in STEPS:
                async with session.request(method, sys.argv[2] + path, data=body, headers=headers) as answer:
                    print(answer.status)

    print("aiohttp", version("aiohttp"))
    asyncio.run(ask())


def mechanize() -> None:
    """mechanize.Browser."""
    import mechanize

    print("mechanize", version("mechanize"))
    browser = mechanize.Browser()
    browser.set_handle_robots(False)
    for method, path, body, headers in STEPS:
        request = mechanize.Request(sys.argv[2] + path, data=body, headers=headers, method=method)
        try:
            print(browser.open(request).code)
        except mechanize.HTTPError as refused:
            print(refused.code)


def pycurl() -> None:
    """pycurl with libcurl's cookie engine."""
    import pycurl

    print("pycurl", version("pycurl"))
    curl = pycurl.Curl()
    curl.setopt(pycurl.COOKIEFILE, "")
    curl.setopt(pycurl.WRITEFUNCTION, lambda data: None)
    for method, path, body, headers in STEPS:
        curl.setopt(pycurl.URL, sys.argv[2] + path)
        curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
        if method == "POST":
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, body or b"")
        else:
            curl.setopt(pycurl.HTTPGET, 1)
        curl.perform()
        print(curl.getinfo(pycurl.RESPONSE_CODE))


if __name__ == "__main__":
    globals()[sys.argv[1]]()
