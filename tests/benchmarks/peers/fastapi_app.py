"""What would it be in FastAPI? Models, dependencies and response types, as its tutorial has them; on uvicorn."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Cookie, Depends, FastAPI, HTTPException, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from tests.benchmarks.peers import accounts

app = FastAPI()
bearer = HTTPBearer(auto_error=False)


class Credentials(BaseModel):
    email: str
    password: str


class User(BaseModel):
    id: str
    email: str
    role: str
    disabled: bool
    created_at: str


class Me(BaseModel):
    user: User


class Token(BaseModel):
    token: str
    token_type: str
    expires_in: int


async def by_password(credentials: Credentials) -> accounts.User:
    return _known(accounts.user_of_password(credentials.email, credentials.password))


async def by_session(session: Annotated[str | None, Cookie()] = None) -> accounts.User:
    return _known(accounts.user_of_session(session))


async def by_token(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> accounts.User:
    return _known(accounts.user_of_token(credentials.credentials) if credentials else None)


@app.post("/login", response_model=Me)
async def login(user: Annotated[accounts.User, Depends(by_password)], response: Response) -> Any:
    response.set_cookie("session", accounts.start_session(user), httponly=True, samesite="lax")
    return {"user": user}


@app.get("/me", response_model=Me)
async def me(user: Annotated[accounts.User, Depends(by_session)]) -> Any:
    return {"user": user}


@app.post("/token/login", response_model=Token)
async def token_login(user: Annotated[accounts.User, Depends(by_password)]) -> Any:
    return {"token": accounts.create_token(user), "token_type": "Bearer", "expires_in": accounts.LIFETIME}


@app.get("/token/me", response_model=Me)
async def token_me(user: Annotated[accounts.User, Depends(by_token)]) -> Any:
    return {"user": user}


def _known(user: accounts.User | None) -> accounts.User:
    if user is None:
        raise HTTPException(401)
    return user
