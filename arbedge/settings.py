"""Django settings, read from the environment (README, Configuration) and checked when they are loaded."""

import base64
import secrets
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from arbedge.env import Env
from arbedge.profiles import PROFILES
from arbedge.storage import archive_storage, storage_at

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# --- mode -------------------------------------------------------------------------------------------------------
DEBUG = env.flag("DEBUG", default=False)
# Production is the default: whoever wants the conveniences of development has to say so.
DEVELOPMENT = DEBUG or env.flag("DEVELOPMENT", default=False)
SANDBOX_URL = env.text("SANDBOX_URL").rstrip("/")
REPLAY_AT = env.moment("REPLAY_AT")
REPLAY_STARTED_AT = env.number("REPLAY_STARTED_AT", 0.0) or None
ORIGIN = "replay" if REPLAY_AT else "sandbox" if SANDBOX_URL else "live"
PROFILE = env.choice("PROFILE", "balanced", tuple(PROFILES))

# --- secrets ----------------------------------------------------------------------------------------------------
SECRET_KEY = env.secret(
    "SECRET_KEY", default="development-only-secret-key-never-for-production" if DEVELOPMENT else None
)
# Development without a key gets one per process group from the launcher; a lone command gets a throw-away key.
_throw_away = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
VAULT_KEYS = env.words("VAULT_KEYS", (_throw_away,) if DEVELOPMENT else ())
if not VAULT_KEYS:
    env.problem(
        "VAULT_KEYS is not set: `DEVELOPMENT=true python manage.py vault_key` makes one; "
        "keep it apart from the database."
    )
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ("127.0.0.1", "localhost", "[::1]") if DEVELOPMENT else ())
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
FLOWER_URL = env.text("FLOWER_URL")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# --- stores -----------------------------------------------------------------------------------------------------
VAR_DIR = Path(env.text("VAR_DIR") or BASE_DIR / "var").resolve()
DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{VAR_DIR / 'arbedge.sqlite3'}")
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        # Writers take their lock at BEGIN and wait for it, instead of failing half-way with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
    # Tests use a file too: WAL and locks behave there as in production, in memory they don't.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(DATABASES["default"]["NAME"]).with_suffix(".test.sqlite3"))}
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHE_URL = env.text("CACHE_URL", REDIS_URL)
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL)
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}}

# --- parts ------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "apps.core",
    "apps.accounts",
    "apps.markets",
    "apps.notifications",
    "apps.opportunities",
    "apps.portfolio",
    "apps.distribution",
    "apps.monitoring",
    "arbedge",
]
MIDDLEWARE = [
    "arbedge.headers.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.caller.CallerMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.accounts.middleware.PageSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.core.quota_headers.QuotaHeaders",
]
ROOT_URLCONF = "arbedge.urls"
# Requests that Django works on at once in each web process, and that may wait for that: each thread holds one database
# connection, and one more in each process asks about callers.
WEB_THREADS = env.integer("WEB_THREADS", 4, low=1, high=64)
WEB_WAITING = env.integer("WEB_WAITING", 1000, low=1, high=100_000)
WSGI_APPLICATION = "arbedge.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.backends.HouseBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = ["arbedge.formats"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
# Development serves the packages' files as they are; production collects and compresses them when the image is made.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEVELOPMENT
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
    "archive": archive_storage(env.text("ARCHIVE_URL"), folder=VAR_DIR / "archive", problem=env.problem),
    # A message waits for its files while they are read, so not for long.
    "attachments": storage_at(
        env.text("ATTACHMENTS_URL"),
        setting="ATTACHMENTS_URL",
        folder=VAR_DIR / "attachments",
        problem=env.problem,
        bucket={"connect_s": 2, "read_s": 5, "attempts": 1},
    ),
}

# --- cookies and headers ----------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=not DEVELOPMENT)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_TLS_PROXY", default=False) else None
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 0 if DEVELOPMENT else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
# The load balancer's probe comes over plain HTTP from inside.
SECURE_REDIRECT_EXEMPT = [r"^api/v1/health$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEVELOPMENT
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if not DEVELOPMENT:
    # Browsers take cookies of such names from this very host only, over TLS and for every path.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
# What a page has to say next is kept in its session: no third cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SECURE_REFERRER_POLICY = "same-origin"
# Whoever signs in at the admin's door without having been on the way anywhere.
LOGIN_REDIRECT_URL = "admin:index"
X_FRAME_OPTIONS = "DENY"

# Whether staff need a second factor for the admin and for administering through the API.
REQUIRE_2FA = env.flag("REQUIRE_2FA", default=not DEVELOPMENT)
# How long audit records are kept; what is deleted leaves an anchor, so that the rest can still be verified.
AUDIT_DAYS = env.integer("AUDIT_DAYS", 730, low=30, high=36_500)

# --- API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.accounts.auth.TokenAuthentication",
        "apps.accounts.auth.PageAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.accounts.api.throttle.TierThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.api.parsing.ExchangeableParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.accounts.api.schema.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "apps.core.api.pagination.CursorPagination",
    "EXCEPTION_HANDLER": "apps.core.api.errors.exception_handler",
    "COERCE_DECIMAL_TO_STRING": True,
    # How many proxies in front may be believed about the caller's address; 0 believes no header.
    "NUM_PROXIES": env.integer("NUM_PROXIES", 0, high=10),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ArbEdge API",
    "DESCRIPTION": "Opportunities that survive every cost, with the evidence to check them. Not risk-free; not advice.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "TierEnum": "apps.accounts.enums.Tier",
        "UserStatusEnum": "apps.accounts.enums.UserStatus",
        "HealthStateEnum": "apps.monitoring.api.serializers.STATES",
        "AutomationEnum": "apps.opportunities.enums.Automation",
        "GateEnum": "apps.markets.enums.Gate",
        "OpportunityKindEnum": "apps.opportunities.enums.OpportunityKind",
        "RiskEnum": "apps.opportunities.enums.Risk",
        "FeedbackStateEnum": "apps.opportunities.enums.FeedbackState",
        "OriginEnum": "apps.opportunities.enums.Origin",
        "MarketTypeEnum": "apps.markets.enums.MarketType",
        "VariableTypeEnum": "apps.notifications.templating.variables.TYPE_NAMES",
        "DistributionStateEnum": "apps.distribution.enums.DistributionState",
        "DistributionReasonEnum": "apps.distribution.enums.Reason",
        "IgnoredBecauseEnum": "apps.opportunities.enums.IgnoredBecause",
    },
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- admin ------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "ArbEdge",
    "SITE_HEADER": "ArbEdge",
    "SITE_SUBHEADER": "operators",
    "SITE_URL": None,
    "SITE_SYMBOL": "candlestick_chart",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "apps.monitoring.admin.environment",
    "SIDEBAR": {"show_search": True},
}

# --- accounts -----------------------------------------------------------------------------------------------------
# What the payment provider signs its messages with (whsec_…); a second one while it changes over. Without: none taken.
PAYMENT_WEBHOOK_SECRETS = env.words("PAYMENT_WEBHOOK_SECRETS")

# --- markets ----------------------------------------------------------------------------------------------------
EXCHANGES = env.words("EXCHANGES", ("binance", "binanceusdm", "bybit", "okx"))
# Read-only keys for market data that an exchange tells to holders of a key only, by exchange, in ccxt's words.
EXCHANGE_KEYS = env.credentials(
    "EXCHANGE_KEYS", ("apiKey", "secret", "password", "uid", "privateKey", "walletAddress", "token")
)
MAX_SKEW_S = env.number("MAX_SKEW_S", 5.0)
MAX_CLOCK_OFFSET_S = env.number("MAX_CLOCK_OFFSET_S", 60.0)
MAX_QUOTE_AGE_S = env.number("MAX_QUOTE_AGE_S", 15.0)
MAX_FUNDING_AGE_S = env.number("MAX_FUNDING_AGE_S", 120.0)
FROZEN_AFTER_S = env.number("FROZEN_AFTER_S", 30.0)
POLL_SECONDS = env.integer("POLL_SECONDS", 5, low=1, high=300)
# How many markets of each exchange and type are monitored, the best-ranked ones.
UNIVERSE_SIZE = env.integer("UNIVERSE_SIZE", 2000, low=1, high=100_000)
# Which of EXCHANGES are streamed (by `manage.py stream`) instead of polled, and how often that makes a snapshot.
STREAM_EXCHANGES = env.words("STREAM_EXCHANGES")
STREAM_EVERY_MS = env.integer("STREAM_EVERY_MS", 500, low=100, high=10_000)
# How far apart archived samples are; 0 archives nothing of that kind.
ARCHIVE_QUOTES_S = env.integer("ARCHIVE_QUOTES_S", 60, high=86_400)
ARCHIVE_FUNDING_S = env.integer("ARCHIVE_FUNDING_S", 300, high=86_400)
ARCHIVE_FLUSH_S = env.integer("ARCHIVE_FLUSH_S", 300, low=1, high=3600)
ARCHIVE_SPOOL_MB = env.integer("ARCHIVE_SPOOL_MB", 256, low=1, high=1_000_000)
ARCHIVE_DAYS = env.integer("ARCHIVE_DAYS", 30, low=1, high=36_500)
# Settled fundings: perpetuals read per exchange and minute, and how long what they paid is kept.
FUNDING_HISTORY_CALLS = env.integer("FUNDING_HISTORY_CALLS", 20, high=200)
FUNDING_HISTORY_DAYS = env.integer("FUNDING_HISTORY_DAYS", 30, low=1, high=3650)
# Candles: markets of each exchange and type whose bars are kept, and how many of the exchange's own are read a minute.
CANDLE_MARKETS = env.integer("CANDLE_MARKETS", 100, high=10_000)
CANDLE_CALLS = env.integer("CANDLE_CALLS", 20, high=200)
LETTER_DAYS = env.integer("LETTER_DAYS", 14, low=1, high=365)

# --- opportunities ----------------------------------------------------------------------------------------------
HORIZON_H = env.number("HORIZON_H", 24.0, low=1.0, high=24.0 * 30)
REFERENCE_NOTIONAL = env.decimal("REFERENCE_NOTIONAL", Decimal(1000), low=Decimal(1))
MIN_NET_EDGE = env.decimal("MIN_NET_EDGE", Decimal("0.0005"))
# Dollars that each leg's market has to trade in 24 h, where the exchange tells it; 0 = no matter how little.
MIN_VOLUME_USD = env.number("MIN_VOLUME_USD", 0.0, low=0.0, high=1e12)
MIN_OPEN_INTEREST_USD = env.number("MIN_OPEN_INTEREST_USD", 0.0, low=0.0, high=1e12)
MAX_PRICE_RATIO = env.number("MAX_PRICE_RATIO", 0.20, high=1.0)

# --- notifications ----------------------------------------------------------------------------------------------
DELIVERY_PROFILES = PROFILES
# Given, each of these counts whatever the profile says.
DELIVERY_BATCH = env.integer_or_none("DELIVERY_BATCH", low=1, high=100)
DELIVERY_CONCURRENCY = env.integer_or_none("DELIVERY_CONCURRENCY", low=1, high=500)
# A run of deliveries lasts 25 s longer than one of them, and has to end before the broker gives its message to another.
DELIVERY_TIMEOUT_S = env.integer_or_none("DELIVERY_TIMEOUT_S", low=1, high=120)
DELIVERY_ATTEMPTS = env.integer_or_none("DELIVERY_ATTEMPTS", low=1, high=20)
# How long finished messages are kept.
NOTIFICATION_DAYS = env.integer("NOTIFICATION_DAYS", 90, low=1, high=3650)


def _through_gateway(url: str) -> str:
    return f"{SANDBOX_URL}/{url}" if SANDBOX_URL else url


TELEGRAM_BOT_TOKEN = env.text("TELEGRAM_BOT_TOKEN")
# The bot's name (without @), for links that connect a chat; and what Telegram sends along with each update, so that
# nobody else can pretend to be it. Without the secret no update is taken.
TELEGRAM_BOT_NAME = env.text("TELEGRAM_BOT_NAME").removeprefix("@")
TELEGRAM_WEBHOOK_SECRET = env.text("TELEGRAM_WEBHOOK_SECRET")
TELEGRAM_API_URL = _through_gateway(env.text("TELEGRAM_API_URL", "https://api.telegram.org").rstrip("/"))
SLACK_WEBHOOK_URL = _through_gateway("https://hooks.slack.com/services")
DISCORD_WEBHOOK_URL = _through_gateway("https://discord.com/api/v10/webhooks")
SMTP_HOST = env.text("SMTP_HOST")
SMTP_PORT = env.integer("SMTP_PORT", 587, low=1, high=65535)
SMTP_USER = env.text("SMTP_USER")
SMTP_PASSWORD = env.text("SMTP_PASSWORD")
SMTP_SECURITY = env.choice("SMTP_SECURITY", "starttls", ("none", "starttls", "tls"))
EMAIL_FROM = env.text("EMAIL_FROM", "ArbEdge <alerts@localhost>")
# Where undeliverable mail is sent back to; a message's own mark goes between its name and the @.
EMAIL_BOUNCES = env.text("EMAIL_BOUNCES")
VAPID_PRIVATE_KEY = env.text("VAPID_PRIVATE_KEY")
VAPID_SUBJECT = env.text("VAPID_SUBJECT")
FCM_SERVICE_ACCOUNT = env.text("FCM_SERVICE_ACCOUNT")
FCM_API_URL = _through_gateway("https://fcm.googleapis.com")
FCM_TOKEN_URL = _through_gateway("https://oauth2.googleapis.com/token")
TWILIO_ACCOUNT_SID = env.text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = env.text("TWILIO_AUTH_TOKEN")
TWILIO_API_URL = _through_gateway("https://api.twilio.com")
# What mobile networks say of a message is told here; Twilio calls only public addresses, the sandbox any.
TWILIO_STATUS_URL = (
    f"{PUBLIC_URL}/api/v1/notifications/sms-status" if SANDBOX_URL or PUBLIC_URL.startswith("https://") else ""
)
SMS_FROM = env.text("SMS_FROM")
SMS_MAX_SEGMENTS = env.integer("SMS_MAX_SEGMENTS", 2, low=1, high=10)
# Inside addresses that outbound calls may reach all the same; the sandbox is the only reason to have one.
OUTBOUND_ALLOW = env.words("OUTBOUND_ALLOW", (urlsplit(SANDBOX_URL).netloc,) if SANDBOX_URL else ())

# --- logging ----------------------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # It writes whole requests down, with their secrets.
        "apprise": {"level": "CRITICAL", "propagate": False},
    },
}

env.check()
