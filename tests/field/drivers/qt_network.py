"""QNetworkAccessManager, the HTTP of Qt's applications, with the cookie jar it has by default."""

import os
import sys

from PySide6.QtCore import QCoreApplication, QUrl, qVersion
from PySide6.QtNetwork import QNetworkAccessManager, QNetworkRequest

application = QCoreApplication([])
manager = QNetworkAccessManager()
print(f"Qt {qVersion()}")
steps = (("POST", "/login", os.environ["BODY"]), ("GET", "/me", ""), ("POST", "/logout", ""), ("GET", "/me", ""))
for method, path, body in steps:
    request = QNetworkRequest(QUrl(sys.argv[1] + path))
    if body:
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
    reply = manager.sendCustomRequest(request, method.encode(), body.encode())
    reply.finished.connect(application.quit)
    application.exec()
    print(reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute))
