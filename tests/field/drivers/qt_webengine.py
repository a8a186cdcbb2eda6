"""Qt WebEngine, as Qt's applications embed it."""

import os
import sys

from page import PAGE, statuses
from PySide6.QtCore import QUrl, qVersion
from PySide6.QtWebEngineCore import QWebEnginePage, qWebEngineChromiumVersion
from PySide6.QtWidgets import QApplication

os.environ.update(QT_QPA_PLATFORM="offscreen", QTWEBENGINE_DISABLE_SANDBOX="1")  # root may have no sandbox
application = QApplication([])
print(f"Qt {qVersion()}, Chromium {qWebEngineChromiumVersion()}")
page = QWebEnginePage()


def title_changed(title: str) -> None:
    seen = statuses(title)
    if seen:
        print(*seen, sep="\n")
        application.quit()


page.titleChanged.connect(title_changed)
page.setHtml(PAGE, QUrl(f"{sys.argv[1]}/app"))
application.exec()
