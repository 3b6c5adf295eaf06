"""From the marts to the content of a census_block filing: the legacy block list and the BDC availability file.

Not here: the other report types, writing.
"""

from __future__ import annotations

from datetime import datetime

import psycopg

from orchestration.regulatory.content import Content, Filing
from orchestration.regulatory.gathering import finished, one, read_known
from orchestration.regulatory.layouts import layouts, rows_to_bytes
from orchestration.regulatory.reconciling import Account

_ROWS = {
    "fbd": """
        select block_geoid, brand_name, block_technology_code, is_consumer_offered, max_advertised_download_mbps,
            max_advertised_upload_mbps, is_business_offered
        from regulatory.census_block_deployment
        where as_of_date = %(day)s and provider_id = %(provider)s order by block_geoid, block_technology_code""",
    "bdc": """
        select bdc_provider_id, brand_name, location_id, availability_technology_code, max_advertised_download_mbps,
            max_advertised_upload_mbps, is_low_latency, business_residential_code
        from regulatory.bdc_availability
        where as_of_date = %(day)s and provider_id = %(provider)s order by location_id, availability_technology_code""",
}
# Straight from the offers: how many there are, and how many have no code in a file.
_OFFERS = """
    select count(*), count(*) filter (where technology.block_technology_code is null),
        count(distinct (offer.block_geoid, technology.block_technology_code))
            filter (where technology.block_technology_code is not null),
        count(*) filter (where technology.availability_technology_code is null),
        count(distinct (offer.location_id, technology.availability_technology_code))
            filter (where technology.availability_technology_code is not null)
    from core.dim_serviceable_location as offer
    left join reference.technology_codes as technology on technology.technology_code = offer.technology_code
    where offer.provider_id = %(provider)s and offer.available_from <= %(day)s
        and coalesce(offer.available_to, 'infinity') >= %(day)s
"""


def gather_blocks(connection: psycopg.Connection, filing: Filing, as_of: datetime) -> Content:
    """The content of a filing of blocks and locations, checked.

    In service are the provider's offers (location x technology as delivered) of the day; those that stand in a row with
    others, by block or by a collapsed code, are left out as `in_one_row`.
    """
    known_layouts = layouts(filing.period_end)
    values: dict[str, object] = {"day": filing.period_end, "provider": filing.provider.provider_id}
    offers, *counts = (int(str(n)) for n in one(connection, _OFFERS, values) or (0, 0, 0, 0, 0))
    files, accounts = dict[str, bytes](), []
    for place, (name, query) in enumerate(_ROWS.items()):
        if not offers:
            break
        files[name] = rows_to_bytes(known_layouts[name], connection.execute(query.encode(), values))
        no_code, expected = counts[2 * place : 2 * place + 2]
        left_out = {"no_technology_code": no_code, "in_one_row": offers - no_code - expected}
        rows = len(Content(filing, known_layouts, files).rows(name))
        accounts.append(
            Account(known_layouts[name].file_name, known_layouts[name].title.lower(), offers, rows,
                    {reason: n for reason, n in left_out.items() if n})
        )  # fmt: skip
    draft = Content(filing, known_layouts, files)
    data: dict[str, object] = {
        "provider_info": {"id": filing.provider.provider_id, "name": filing.provider.name},
        "reporting_period": {"start": filing.period_start, "end": filing.period_end},
        "blocks": len({row[0] for row in draft.rows("fbd")}),
        "locations": len({row[2] for row in draft.rows("bdc")}),
        "offers": offers,
    }
    return finished(connection, draft, accounts, read_known(connection, []), as_of, data)
