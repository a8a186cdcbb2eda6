"""WebKitGTK, as GNOME's applications embed it."""

import sys

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("WebKit2", "4.1")
from gi.repository import Gtk, WebKit2  # noqa: E402
from page import PAGE, statuses  # noqa: E402

print(f"WebKitGTK {WebKit2.get_major_version()}.{WebKit2.get_minor_version()}.{WebKit2.get_micro_version()}")


def title_changed(view: WebKit2.WebView, _: object) -> None:
    seen = statuses(view.get_title())
    if seen:
        print(*seen, sep="\n")
        Gtk.main_quit()


view = WebKit2.WebView.new_with_context(WebKit2.WebContext.new_ephemeral())
view.connect("notify::title", title_changed)
view.load_html(PAGE, f"{sys.argv[1]}/app")
Gtk.main()
