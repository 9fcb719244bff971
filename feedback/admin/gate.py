"""What review adds to the admin stays out of its menus while review is switched off."""

from config import admin_base, features


class GatedAdmin(admin_base.GatedAdmin):
    """As its base, by ``REVIEW_ENABLED``."""

    feature = features.REVIEW
