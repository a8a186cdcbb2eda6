"""Django's own login views beside tokens of simplejwt, as their pages "Using the Django authentication system" and
"Getting started" show them. One file instead of a project; what startproject writes into settings is written here."""

import os
import tempfile
from pathlib import Path

import django
from django.conf import settings

FOLDER = Path(tempfile.mkdtemp())
(FOLDER / "registration").mkdir()
(FOLDER / "registration/login.html").write_text(
    '<form method="post" action="{% url \'login\' %}">{% csrf_token %}{{ form }}'
    '<input type="submit" value="login"></form>'
)
settings.configure(
    SECRET_KEY="django-insecure-5w%d7t2)3o9b(k$zq!f1x@8j#m4r&y6u+e^0a*c-h_vgnlpi",
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        "rest_framework_simplejwt",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [FOLDER],
            "OPTIONS": {"context_processors": ["django.contrib.auth.context_processors.auth"]},
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "db.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    LOGOUT_REDIRECT_URL="/accounts/login/",
    REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": ("rest_framework_simplejwt.authentication.JWTAuthentication",)},
)
django.setup()

from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from rest_framework.decorators import api_view, permission_classes  # noqa: E402
from rest_framework.permissions import IsAdminUser, IsAuthenticated  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView  # noqa: E402


@login_required
def profile(request):
    return JsonResponse({"id": request.user.id, "username": request.user.username})


@api_view()
@permission_classes([IsAuthenticated])
def token_profile(request):
    return Response({"id": request.user.id, "username": request.user.username})


@api_view()
@permission_classes([IsAdminUser])
def users(request):
    return Response([{"id": user.id, "username": user.username} for user in User.objects.all()])


urlpatterns = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("accounts/profile/", profile),
    path("api/token/", TokenObtainPairView.as_view(), name="token_obtain_pair"),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("api/profile/", token_profile),
    path("api/users/", users),
]
call_command("migrate", verbosity=0)
for name in ("ann", "ben", "cleo", "dan"):
    User.objects.create_user(name, password=f"{name} rides a horse")
app = get_wsgi_application()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", __name__)
