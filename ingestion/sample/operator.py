"""The whole operator: its parts in their order, and every feed's rows as a stream of months.

Not here: files, flaws of deliveries, and what any part does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.sample.accounts import Accounts
from ingestion.sample.care import build_campaigns, build_quality, build_tickets
from ingestion.sample.clock import Clock, Ints, uuids
from ingestion.sample.configurations import Change, plan_changes
from ingestion.sample.customers import People, build_people
from ingestion.sample.faults import Fault, Faults, build_faults, build_maintenance, build_outages, element_versions
from ingestion.sample.geography import Geography, build_geography
from ingestion.sample.inventory import Network, build_network
from ingestion.sample.irregular_usage import Irregular, plant_cases
from ingestion.sample.life import Life, Simulation
from ingestion.sample.network import Performance
from ingestion.sample.orders import build_orders
from ingestion.sample.outage_mistakes import OutageMistakes, plant_outage_mistakes
from ingestion.sample.registry import build_customers, build_devices, build_services
from ingestion.sample.tariffs import Tariffs, build_tariffs
from ingestion.sample.usage import Fraud, UsageMaker, plant_frauds

# The column that says in which month a row becomes known; None: it stood before everything.
KNOWN_BY = {
    "providers": None, "service_zones": None, "census_blocks": None, "serviceable_locations": None,
    "network_topology": None, "network_elements": "updated_at", "service_plans": "updated_at",
    "customers": "updated_at", "customer_services": "updated_at", "devices": "updated_at",
    "service_orders": "updated_at", "campaign_contacts": "updated_at", "maintenance_events": "updated_at",
    "outages": "updated_at", "support_tickets": "updated_at", "service_quality": "assessment_date",
}  # fmt: skip
STREAMED = ("network_performance", "usage_records", "bills", "bill_charges", "payments")
FEEDS = (*KNOWN_BY, *STREAMED)


@dataclass
class Operator:
    """Everything that was simulated before the first record; feeds with many rows are made as they are written."""

    clock: Clock
    customers: int
    geography: Geography = field(init=False)
    tariffs: Tariffs = field(init=False)
    network: Network = field(init=False)
    faults: Faults = field(init=False)
    people: People = field(init=False)
    life: Life = field(init=False)
    frauds: list[Fraud] = field(init=False)
    cases: list[Fraud] = field(init=False)
    accounts: Accounts = field(init=False)
    performance: Performance = field(init=False)
    setting_changes: list[Change] = field(init=False)
    outage_mistakes: OutageMistakes = field(init=False)

    def __post_init__(self) -> None:
        clock = self.clock
        self.geography = build_geography(clock, self.customers)
        self.tariffs = build_tariffs(clock, self.geography.provider_ids)
        self.network = build_network(clock, self.geography, self.customers)
        self.faults = build_faults(clock, self.network)
        self.people = build_people(clock, self.geography, self.network, self.customers)
        self.life = Simulation(clock, self.people, self.tariffs, self.faults).run()
        self.frauds = plant_frauds(clock, self.people, self.life)
        self.device_ids = uuids(clock.random("device ids"), len(self.people))
        usage = UsageMaker(clock, self.people, self.life, self.network, self.device_ids, self.frauds)
        self.cases = plant_cases(clock, self.people, self.life, self.frauds)
        irregular = Irregular(clock, self.people, self.life, self.network, self.device_ids, usage.provider, self.cases)
        never_pays = np.zeros(self.customers, dtype=bool)
        never_pays[[self.people.customer[case.service] for case in self.cases if case.kind == "subscription_fraud"]] = (
            True
        )
        self.accounts = Accounts(
            clock, self.geography, self.people, self.life, self.tariffs, usage, irregular, never_pays
        )
        self.performance = Performance(clock, self.network, self.faults, self.people, self.life)
        self.setting_changes = plan_changes(clock, self.network, self.customers)
        self.outage_mistakes = plant_outage_mistakes(clock, self.network, self.faults)

    def customers_at(self, faults: list[Fault], hits: list[Ints]) -> list[int]:
        """How many customers each failure hit."""
        found = []
        for fault, hit in zip(faults, hits, strict=True):
            active = (self.people.activated < fault.start) & (self.life.ended > fault.start)
            found.append(len(np.unique(self.people.customer[active & np.isin(self.people.element, hit)])))
        return found

    def _outages(self) -> pl.DataFrame:
        wrong = self.outage_mistakes
        return build_outages(
            self.clock, self.geography, self.network, self.faults,
            self.customers_at(self.faults.faults, self.faults.hit), wrong.phantoms,
            self.customers_at(wrong.phantoms, wrong.hit), wrong.factor,
        )  # fmt: skip

    def whole(self, feed: str) -> pl.DataFrame:
        """All rows of a feed that is small enough to be made at once."""
        clock, people, life, geography = self.clock, self.people, self.life, self.geography
        makers: dict[str, Callable[[], pl.DataFrame]] = {
            "providers": lambda: geography.providers,
            "service_zones": lambda: geography.service_zones,
            "census_blocks": lambda: geography.census_blocks,
            "serviceable_locations": lambda: geography.serviceable_locations,
            "network_topology": lambda: self.network.topology,
            "network_elements": lambda: element_versions(clock, self.network, self.faults, self.setting_changes),
            "service_plans": lambda: self.tariffs.service_plans,
            "customers": lambda: build_customers(clock, geography, people, life),
            "customer_services": lambda: build_services(
                clock, geography, self.network, people, life, self.tariffs, self.device_ids
            ),
            "devices": lambda: build_devices(clock, people, life, self.device_ids),
            "service_orders": lambda: build_orders(clock, people, life, self.tariffs, self.frauds, self.cases),
            "campaign_contacts": lambda: build_campaigns(clock, people, life),
            "maintenance_events": lambda: build_maintenance(clock, self.network, self.faults),
            "outages": self._outages,
            "support_tickets": lambda: build_tickets(clock, people, life),
            "service_quality": lambda: build_quality(clock, people, life, self.faults),
        }
        return makers[feed]()

    def months(self, feed: str) -> Iterator[tuple[int, pl.DataFrame]]:
        """(month, rows that became known in it) of a small feed; month -1 is what lies before the history."""
        column, frame = KNOWN_BY[feed], self.whole(feed)
        if column is None or frame.is_empty():
            yield -1, frame
            return
        names = [f"{month:%Y-%m}" for month in self.clock.months()]
        month = frame[column].str.slice(0, 7)
        index = month.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int64)
        # The operator's last evening is the next day in UTC.
        index = pl.select(pl.when(month > names[-1]).then(len(names) - 1).otherwise(index)).to_series()
        parts = frame.with_columns(index.alias("_month")).partition_by("_month", as_dict=True)
        for (number,), rows in sorted(parts.items()):
            yield int(number), rows.drop("_month")
