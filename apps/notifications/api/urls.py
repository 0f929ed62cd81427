"""Addresses of notifications under /api/v1/."""

from django.urls import path

from apps.notifications.api.endpoints import (
    ChannelList,
    EndpointCodes,
    EndpointDetail,
    EndpointLink,
    EndpointList,
    EndpointTest,
    EndpointVerify,
    NotificationList,
)
from apps.notifications.api.feedback import FeedbackView
from apps.notifications.api.files import FileView
from apps.notifications.api.messages import MessageDetail, MessageResend
from apps.notifications.api.reach import Reach
from apps.notifications.api.rotation import EndpointRotation
from apps.notifications.api.sms_status import SmsStatus
from apps.notifications.api.statistics import DeliveryStatisticsView
from apps.notifications.api.telegram import TelegramWebhook
from apps.notifications.api.templates import TemplateDetail, TemplateList, TemplatePreview, TemplateStatisticsView
from apps.notifications.api.unsubscribe import UnsubscribeView

urlpatterns = [
    path("notifications", NotificationList.as_view(), name="notification-list"),
    path("notifications/<uuid:id>", MessageDetail.as_view(), name="notification-detail"),
    path("notifications/<uuid:id>/resend", MessageResend.as_view(), name="notification-resend"),
    path("notifications/files/<str:token>", FileView.as_view(), name="message-file"),
    path("notifications/channels", ChannelList.as_view(), name="notification-channels"),
    path("notifications/endpoints", EndpointList.as_view(), name="endpoint-list"),
    path("notifications/endpoints/<uuid:id>", EndpointDetail.as_view(), name="endpoint-detail"),
    path("notifications/endpoints/<uuid:id>/code", EndpointCodes.as_view(), name="endpoint-code"),
    path("notifications/endpoints/<uuid:id>/test", EndpointTest.as_view(), name="endpoint-test"),
    path("notifications/endpoints/<uuid:id>/verify", EndpointVerify.as_view(), name="endpoint-verify"),
    path("notifications/endpoints/<uuid:id>/rotate", EndpointRotation.as_view(), name="endpoint-rotate"),
    path("notifications/feedback/<str:token>", FeedbackView.as_view(), name="message-feedback"),
    path("notifications/statistics", DeliveryStatisticsView.as_view(), name="delivery-statistics"),
    path("notifications/templates", TemplateList.as_view(), name="template-list"),
    path("notifications/templates/<int:template_id>", TemplateDetail.as_view(), name="template-detail"),
    path("notifications/templates/<int:template_id>/preview", TemplatePreview.as_view(), name="template-preview"),
    path(
        "notifications/templates/<int:template_id>/statistics",
        TemplateStatisticsView.as_view(),
        name="template-statistics",
    ),
    path("notifications/sms-status/<uuid:id>", SmsStatus.as_view(), name="sms-status"),
    path("notifications/unsubscribe/<str:token>", UnsubscribeView.as_view(), name="unsubscribe"),
    path("notifications/links", EndpointLink.as_view(), name="endpoint-link"),
    path("notifications/reach", Reach.as_view(), name="notification-reach"),
    path("telegram/webhook", TelegramWebhook.as_view(), name="telegram-webhook"),
]
