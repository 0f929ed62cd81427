"""What JSON may hold here: only what can be said again."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class ExchangeableParser(JSONParser):
    """JSON whose texts are Unicode and whose numbers are finite.

    Escapes can spell halves of surrogate pairs and 1e400 (RFC 8259, sections 8.2 and 6); errors that quote them back
    could not be sent. What is nested deeper than it can be read is refused as well."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """The value. ParseError (400) says what can't be taken."""
        try:
            data = super().parse(stream, media_type, parser_context)
            json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except RecursionError:
            raise ParseError("JSON parse error - it is nested too deeply.") from None
        except UnicodeEncodeError:
            raise ParseError("JSON parse error - a text has half of a surrogate pair.") from None
        except ValueError:
            raise ParseError("JSON parse error - a number is too large.") from None
        return data
