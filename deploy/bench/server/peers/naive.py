"""What a typical developer writes: FastAPI, an ORM session a request, a commit a save.

It checks a token, reads the candidate, upserts the answer and appends to a history, over HTTPS
with keep-alive. No frames, no signatures, no acknowledgement that could be shown to anybody.
Usage: python -m deploy.bench.server.peers.naive CERTIFICATE DATABASE CANDIDATES
"""

import socket
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel
from sqlalchemy import ForeignKey, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from deploy.bench.server.open_files import allow_open_files

UNAUTHORISED = 401


class Base(DeclarativeBase):
    """Tables."""


class Candidate(Base):
    """Who may save."""

    __tablename__ = "candidate"
    candidate_id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(index=True, unique=True)


class Answer(Base):
    """The present answer to an item."""

    __tablename__ = "answer"
    candidate_id: Mapped[int] = mapped_column(
        ForeignKey("candidate.candidate_id"), primary_key=True
    )
    item_id: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    saved_ms: Mapped[int]


class History(Base):
    """Every answer ever given."""

    __tablename__ = "history"
    history_id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int]
    item_id: Mapped[str]
    text: Mapped[str]
    saved_ms: Mapped[int]


class SaveRequest(BaseModel):
    """One save."""

    item_id: str
    text: str


class SaveReply(BaseModel):
    """It is kept."""

    saved_ms: int


def build(database: str, candidates: int) -> FastAPI:
    """The application, with so many candidates in its database."""
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 60}, pool_size=40)

    @event.listens_for(engine, "connect")
    def prepare(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    with sessions.begin() as db:
        db.add_all(Candidate(candidate_id=n, token=f"token-{n}") for n in range(candidates))

    def get_db() -> Iterator[Session]:
        with sessions() as db:
            yield db

    app = FastAPI()

    @app.post("/save")
    def save(
        body: SaveRequest,
        authorization: Annotated[str, Header()],
        db: Annotated[Session, Depends(get_db)],
    ) -> SaveReply:
        candidate = db.scalar(select(Candidate).where(Candidate.token == authorization))
        if candidate is None:
            raise HTTPException(UNAUTHORISED)
        now = time.time_ns() // 1_000_000
        answer = db.get(Answer, (candidate.candidate_id, body.item_id))
        if answer is None:
            answer = Answer(candidate_id=candidate.candidate_id, item_id=body.item_id)
            db.add(answer)
        answer.text, answer.saved_ms = body.text, now
        db.add(
            History(
                candidate_id=candidate.candidate_id,
                item_id=body.item_id,
                text=body.text,
                saved_ms=now,
            )
        )
        db.commit()
        return SaveReply(saved_ms=now)

    return app


def main() -> None:
    """Serve until killed; the first line on stdout is the port."""
    allow_open_files()
    certificate, database, candidates = sys.argv[1:]
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        build(database, int(candidates)),
        log_level="warning",
        access_log=False,
        ssl_certfile=certificate,
        timeout_keep_alive=300,
    )
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
