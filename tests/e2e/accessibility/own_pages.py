"""Every own page in every state that a person meets: template → how one gets there. Each way returns the page's heading, in English."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.e2e.accessibility.visitor import CHOSEN, Visitor
from tests.gateways import PASSWORD

Way = Callable[[Visitor], str]


def login(visitor: Visitor) -> str:
    visitor.open(f"{visitor.gateway.url}/page")
    return "Log in"


def login_to_go_on(visitor: Visitor) -> str:
    visitor.go(f"/login?next=http://wiki.verwaltungsgemeinschaft.example.com:{visitor.gateway.port}/page")
    assert "wiki.verwaltungsgemeinschaft.example.com" in visitor.words
    return "Log in"


def login_wrong(visitor: Visitor) -> str:
    visitor.go("/login")
    visitor.press(email=visitor.somebody, password="x")
    return "Log in"


def login_empty(visitor: Visitor) -> str:
    visitor.go("/login")
    visitor.press(unchecked=True)
    return "Log in"


def login_throttled(visitor: Visitor) -> str:
    visitor.go("/login")
    for _ in range(6):
        visitor.press(email=visitor.somebody, password="x")
    return "Log in"


def login_stale(visitor: Visitor) -> str:
    visitor.go("/login")
    visitor.driver.delete_cookie("gw-csrf")
    visitor.press(email=visitor.somebody, password="x")
    return "Log in"


def login_after_language(visitor: Visitor) -> str:
    """A choice is kept, whatever the browser asks for."""
    language(visitor)
    visitor.click(f"button[value={visitor.language}]")
    return "Log in"


def language(visitor: Visitor) -> str:
    visitor.go("/login")
    visitor.click(".languages")
    return "Language"


def language_stale(visitor: Visitor) -> str:
    language(visitor)
    visitor.driver.delete_cookie("gw-csrf")
    visitor.press()
    return "Language"


def unverified(visitor: Visitor) -> str:
    visitor.go("/login")
    visitor.press(email=visitor.one("una"), password=PASSWORD)
    return "Confirm your e-mail address first"


def loop(visitor: Visitor) -> str:
    visitor.log_in(anew=True)
    visitor.driver.delete_cookie("gw")
    visitor.go("/login")
    return "Your browser did not keep the login"


def logout(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/logout")
    return "Log out?"


def logout_stale(visitor: Visitor) -> str:
    logout(visitor)
    visitor.driver.delete_cookie("gw-csrf")
    visitor.press()
    return "Log out?"


def signed_out(visitor: Visitor) -> str:
    visitor.log_in("dave", anew=True)
    visitor.go("/logout")
    visitor.press()
    return "You are logged out"


def not_found(visitor: Visitor) -> str:
    visitor.go("/nothing")
    return "There is nothing here"


def refused(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.open(f"{visitor.gateway.url}/closed")
    return "You cannot open this page"


def refused_expired(visitor: Visitor) -> str:
    visitor.log_in("ed")
    visitor.open(f"{visitor.gateway.url}/page")
    return "You cannot open this page"


def bad_gateway(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.open(f"{visitor.gateway.url}/page")
    return "The application is not answering"


def not_sent(visitor: Visitor) -> str:
    """The session ended while a form was filled in."""
    visitor.log_in(anew=True)
    visitor.go("/account/profile")
    visitor.driver.delete_cookie("gw")
    visitor.press(first_name="Ann")
    return "Your form was not sent"


def signup(visitor: Visitor) -> str:
    visitor.go("/signup")
    return "Create an account"


def signup_wrong(visitor: Visitor) -> str:
    visitor.go("/signup")
    visitor.press(unchecked=True, email="nora", name="x" * 200, password="abababab", password_confirm="other")
    return "Create an account"


def sent_at_signup(visitor: Visitor) -> str:
    visitor.signed_up()
    return "Look into your mail"


def sent_again(visitor: Visitor) -> str:
    visitor.go("/verify/resend")
    visitor.press(email=visitor.somebody)
    return "Look into your mail"


def sent_to_forgetful(visitor: Visitor) -> str:
    visitor.forgotten()
    return "Look into your mail"


def verify(visitor: Visitor) -> str:
    visitor.open(visitor.signed_up())
    return "Confirm your address"


def verify_elsewhere(visitor: Visitor) -> str:
    link = visitor.signed_up()
    visitor.browser.forget()
    visitor.open(link)
    return "Confirm your address"


def verify_wrong(visitor: Visitor) -> str:
    verify_elsewhere(visitor)
    visitor.press(password=PASSWORD)
    return "Confirm your address"


def verify_anew(visitor: Visitor) -> str:
    """A link that was asked for once more asks for a password."""
    visitor.signed_up()
    visitor.browser.forget()
    sent_again(visitor)
    visitor.open(visitor.letter(visitor.somebody, 2))
    return "Confirm your address"


def verify_anew_wrong(visitor: Visitor) -> str:
    verify_anew(visitor)
    visitor.press(password="abababab", password_confirm="abababab")
    return "Confirm your address"


def verified(visitor: Visitor) -> str:
    verify(visitor)
    visitor.press()
    return "Your account is ready"


def verify_code(visitor: Visitor) -> str:
    visitor.go("/verify")
    return "Confirm your address"


def verify_code_wrong(visitor: Visitor) -> str:
    visitor.go("/verify")
    visitor.press(email=visitor.somebody, token="123")
    return "Confirm your address"


def verify_bad_link(visitor: Visitor) -> str:
    visitor.go("/verify?token=x")
    return "This link does not work"


def resend(visitor: Visitor) -> str:
    visitor.go("/verify/resend")
    return "Send the message once more"


def resend_empty(visitor: Visitor) -> str:
    visitor.go("/verify/resend")
    visitor.press(unchecked=True)
    return "Send the message once more"


def forgot(visitor: Visitor) -> str:
    visitor.go("/forgot")
    return "Forgot your password?"


def forgot_empty(visitor: Visitor) -> str:
    visitor.go("/forgot")
    visitor.press(unchecked=True)
    return "Forgot your password?"


def reset(visitor: Visitor) -> str:
    visitor.open(visitor.forgotten())
    return "Set a new password"


def reset_weak(visitor: Visitor) -> str:
    reset(visitor)
    visitor.press(password="zyxwvuts", password_confirm="zyxwvuts")
    return "Set a new password"


def reset_by_code(visitor: Visitor) -> str:
    visitor.go("/reset")
    return "Set a new password"


def reset_by_code_wrong(visitor: Visitor) -> str:
    visitor.go("/reset")
    visitor.press(email=visitor.somebody, token="123", password=CHOSEN, password_confirm=CHOSEN)
    return "Set a new password"


def reset_bad_link(visitor: Visitor) -> str:
    visitor.go("/reset?token=x")
    return "This link does not work"


def reset_done(visitor: Visitor) -> str:
    reset(visitor)
    visitor.press(password=CHOSEN, password_confirm=CHOSEN)
    return "Your password has been changed"


def overview(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account")
    return "Your account"


def overview_expired(visitor: Visitor) -> str:
    visitor.log_in("ed")
    visitor.go("/account")
    return "Your account"


def overview_pending(visitor: Visitor) -> str:
    visitor.address_asked()
    visitor.go("/account")
    return "Your account"


def profile(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/profile")
    return "Your profile"


def profile_saved(visitor: Visitor) -> str:
    profile(visitor)
    visitor.press(phone="+49301234567")
    return "Your profile"


def profile_wrong(visitor: Visitor) -> str:
    profile(visitor)
    visitor.press(unchecked=True, first_name="x" * 200, phone="12", link="x")
    return "Your profile"


def password(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/password")
    return "Change your password"


def password_wrong(visitor: Visitor) -> str:
    password(visitor)
    visitor.press(current_password="x", new_password=CHOSEN, new_password_confirm=CHOSEN)
    return "Change your password"


def password_weak(visitor: Visitor) -> str:
    password(visitor)
    visitor.press(current_password=PASSWORD, new_password="short", new_password_confirm="short")
    return "Change your password"


def password_changed(visitor: Visitor) -> str:
    visitor.log_in("dave", anew=True)
    visitor.go("/account/password")
    visitor.press(current_password=PASSWORD, new_password=CHOSEN, new_password_confirm=CHOSEN)
    return "Change your password"


def email(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/email")
    return "Change your e-mail address"


def email_wrong(visitor: Visitor) -> str:
    email(visitor)
    visitor.press(unchecked=True, email="x", current_password=PASSWORD)
    return "Change your e-mail address"


def email_pending(visitor: Visitor) -> str:
    visitor.address_asked()
    return "Change your e-mail address"


def email_confirm(visitor: Visitor) -> str:
    visitor.open(visitor.address_asked()[0])
    return "Confirm your new e-mail address"


def email_cancel(visitor: Visitor) -> str:
    visitor.open(visitor.address_asked()[1])
    return "Keep your e-mail address?"


def email_kept(visitor: Visitor) -> str:
    email_cancel(visitor)
    visitor.press()
    return "Your e-mail address stays as it is"


def email_done(visitor: Visitor) -> str:
    email_confirm(visitor)
    visitor.press()
    return "Your e-mail address is changed"


def email_bad_link(visitor: Visitor) -> str:
    visitor.go("/account/email/confirm?token=x")
    return "This link does not work"


def sessions(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/sessions")
    return "Your sessions"


def sessions_several(visitor: Visitor) -> str:
    """The first one is not ended, its browser only forgets it."""
    visitor.log_in("sara", anew=True)
    visitor.browser.forget()
    visitor.log_in("sara", anew=True)
    visitor.go("/account/sessions")
    return "Your sessions"


def end_session(visitor: Visitor) -> str:
    sessions_several(visitor)
    visitor.click("td a.danger")
    return "End this session?"


def end_others(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/sessions?session=others")
    return "End all other sessions?"


def end_all(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/sessions?session=all")
    return "Log out everywhere?"


def session_ended(visitor: Visitor) -> str:
    end_session(visitor)
    visitor.press()
    return "Your sessions"


def activity(visitor: Visitor) -> str:
    visitor.log_in()
    visitor.go("/account/audit")
    return "Activity"


def activity_before(visitor: Visitor) -> str:
    """Nothing is older than the first entry."""
    visitor.log_in()
    visitor.go("/account/audit?before=1")
    return "Activity"


#: The states follow each other within a language: what they leave behind (a pending address, a changed password) is the next one's, or nobody's.
WAYS: Mapping[str, Sequence[Way]] = {
    "login.html": [login, login_to_go_on, login_wrong, login_empty, login_throttled, login_stale, login_after_language],
    "language.html": [language, language_stale],
    "unverified.html": [unverified],
    "loop.html": [loop],
    "logout.html": [logout, logout_stale],
    "signed_out.html": [signed_out],
    "problem.html": [not_found, refused, refused_expired, bad_gateway, not_sent],
    "signup.html": [signup, signup_wrong],
    "sent.html": [sent_at_signup, sent_again, sent_to_forgetful],
    "verify.html": [verify, verify_elsewhere, verify_wrong, verify_anew, verify_anew_wrong],
    "verified.html": [verified],
    "verify_code.html": [verify_code, verify_code_wrong],
    "bad_link.html": [verify_bad_link, reset_bad_link, email_bad_link],
    "resend.html": [resend, resend_empty],
    "forgot.html": [forgot, forgot_empty],
    "reset.html": [reset, reset_weak, reset_by_code, reset_by_code_wrong],
    "reset_done.html": [reset_done],
    "account/overview.html": [overview, overview_expired, overview_pending],
    "account/profile.html": [profile, profile_saved, profile_wrong],
    "account/password.html": [password, password_wrong, password_weak, password_changed],
    "account/email.html": [email, email_wrong, email_pending],
    "account/email_confirm.html": [email_confirm],
    "account/email_cancel.html": [email_cancel],
    "account/email_kept.html": [email_kept],
    "account/email_done.html": [email_done],
    "account/sessions.html": [sessions, sessions_several, session_ended],
    "account/end_sessions.html": [end_session, end_others, end_all],
    "account/audit.html": [activity, activity_before],
}
