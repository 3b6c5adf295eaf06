"""Secrets appear once, whole, and for their owner only."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestration.warehouse.secrets import PII_KEY_BYTES, read_or_make_password, read_or_make_pii_key
from orchestration.warehouse.settings import SettingsError


def test_a_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "keys" / "pii.key"
    key = read_or_make_pii_key(path)
    assert len(key) == PII_KEY_BYTES
    assert read_or_make_pii_key(path) == key == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_all_who_make_it_at_once_end_with_the_same(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        for number in range(20):
            path = tmp_path / str(number)
            assert len(set(pool.map(lambda _, path=path: read_or_make_pii_key(path), range(16)))) == 1


def test_a_short_key_is_refused_without_showing_it(tmp_path):
    path = tmp_path / "pii.key"
    path.write_bytes(b"tooshort")
    with pytest.raises(SettingsError, match="at least 32 bytes, found 8") as caught:
        read_or_make_pii_key(path)
    assert "tooshort" not in str(caught.value)


def test_a_key_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"PII_KEY_FILE.*expected a file"):
        read_or_make_pii_key(tmp_path)


def test_passwords_differ_and_need_no_quoting(tmp_path):
    first, second = (read_or_make_password(tmp_path / name) for name in "ab")
    assert first != second
    assert first.isalnum()
    assert len(first) == 32
