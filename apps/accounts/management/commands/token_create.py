"""`manage.py token_create EMAIL`: a new API token, printed once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.selectors import user_by_email
from apps.accounts.services import token_create
from apps.core.clock import wall_now


class Command(BaseCommand):
    """Makes a token for an account and prints it, alone on the output, so that scripts can take it."""

    help = "Make an API token for the user with this e-mail address; its text is shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        """The address, what the token is called and how long it works."""
        parser.add_argument("email")
        parser.add_argument("--name", default="command line", help="What the token is for (%(default)s).")
        parser.add_argument("--days", type=int, default=None, help="Days until it expires (never).")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the token, or say what is wrong."""
        user = user_by_email(options["email"])
        if user is None:
            raise CommandError(f"No user has the address {options['email']}.")
        if not user.is_active:
            raise CommandError(f"The account {user.email} is {user.status}: its tokens would open nothing.")
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("--days must be at least 1.")
        expires_at = None if days is None else wall_now() + timedelta(days=days)
        self.stdout.write(token_create(user=user, name=options["name"], expires_at=expires_at))
