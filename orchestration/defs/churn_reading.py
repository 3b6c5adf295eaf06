"""What the churn assets read: features, departures, money, campaigns, seeds and the models so far, as frames.

Not here: what is computed (orchestration.analytics.churn_scores), what is written (churn).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import psycopg

from orchestration.analytics.churn_scores.bundles import Bundle, Last
from orchestration.analytics.churn_scores.departures import customer_stays, label_rows, service_stays
from orchestration.analytics.churn_scores.features import BUSINESS, model_features, segments_of
from orchestration.analytics.churn_scores.rules import rule_scores
from orchestration.analytics.churn_scores.training import Labelled
from orchestration.defs.frames import read_frame
from orchestration.defs.plans import plan_fits

HORIZONS = (30, 60, 90)
IN_LINES = "feature.line_of_business = any(%(lines)s)"
PAST = "not feature.is_latest and feature.as_of_date >= %(from)s"
LATEST = "feature.is_latest and feature.as_of_date >= %(from)s"
# Before any usage came nothing is known of a prepaid service's silence.
_PREPAID = """
    select service.service_id,
        coalesce(covered.first_date::timestamp at time zone service.time_zone, '1970-01-01') as usage_from_at,
        coalesce((covered.last_date + 1)::timestamp at time zone service.time_zone, '1970-01-01') as usage_to_at
    from core.dim_service as service
    inner join core.dim_service_plan as plan on plan.plan_id = service.plan_id and plan.is_current and plan.is_prepaid
    left join (
        select provider_id, min(usage_date) as first_date, max(usage_date) as last_date
        from intermediate.int_usage__provider_days group by provider_id
    ) as covered on covered.provider_id = service.provider_id
    where service.is_current"""
_ROWS = {
    "customer": f"""
        with prepaid as ({_PREPAID})
        select feature.{{columns}}, watched.usage_from_at, watched.usage_to_at
        from core.feature_customer as feature
        left join (
            select as_of_date, customer_id, max(usage_from_at) as usage_from_at, min(usage_to_at) as usage_to_at
            from core.feature_service inner join prepaid using (service_id)
            where as_of_date >= %(from)s group by as_of_date, customer_id
        ) as watched using (as_of_date, customer_id)
        where {{condition}} order by feature.as_of_date, feature.customer_id""",
    "service": f"""
        with prepaid as ({_PREPAID})
        select feature.{{columns}}, customer.customer_type, {{of_customer}} prepaid.usage_from_at, prepaid.usage_to_at
        from core.feature_service as feature
        inner join core.feature_customer as customer using (as_of_date, customer_id)
        left join prepaid using (service_id)
        where {{condition}} order by feature.as_of_date, feature.service_id""",
}  # fmt: skip
_LIGHT = "as_of_date, feature.as_of_at, feature.{id}, feature.line_of_business"
_LAST_SEEN = """
    select distinct on (customer_id) customer_id, line_of_business, customer_type,
        (select min(as_of_at) from core.feature_customer) as first_as_of_at
    from core.feature_customer
    order by customer_id, as_of_date desc"""
_SERVICES = """
    select service_id, customer_id, activated_at from core.dim_service
    where is_current and activated_at < %(as_of)s and activated_at < coalesce(deactivated_at, 'infinity')
    order by service_id"""
_DEPARTURES = """
    select service_id, departure_kind, silent_days, departed_at, returned_at from core.fct_service_departure
    order by service_id, silent_days, departed_at"""
_VALUE = """
    select feature.customer_id, money.monthly_margin, customer.lifetime_value * rate.rate as stored_lifetime_value,
        customer.churn_risk_score as crm_churn_risk_score, contact.last_contacted_at
    from core.feature_customer as feature
    left join core.dim_customer as customer using (customer_key)
    left join lateral (
        select case
            when coalesce(customer.currency, %(currency)s) = %(currency)s then 1
            else (
                select exchange.rate from reference.exchange_rates as exchange
                where exchange.from_currency = customer.currency and exchange.to_currency = %(currency)s
                    and exchange.rate_date between feature.as_of_date - 31 and feature.as_of_date
                order by exchange.rate_date desc limit 1
            )
        end as rate
    ) as rate on true
    left join (
        select line.customer_id,
            sum(line.earned_service_amount_reporting * coalesce(margin.margin_share, 1))
            / nullif(count(distinct line.month_start_date), 0) as monthly_margin
        from core.fct_subscription_monthly as line
        left join core.dim_service_plan as plan using (plan_key)
        left join reference.margin_shares as margin on margin.plan_type = plan.plan_type
        where line.earned_service_amount_reporting is not null
            and line.month_start_date >= (date_trunc('month', %(day)s::timestamp) - interval '3 months')::date
            and line.month_start_date < date_trunc('month', %(day)s::timestamp)::date
        group by line.customer_id
    ) as money on money.customer_id = feature.customer_id
    left join (
        select customer_id, max(contacted_at) as last_contacted_at from core.fct_campaign_contact
        where not is_control and contacted_at < %(as_of)s group by customer_id
    ) as contact on contact.customer_id = feature.customer_id
    where feature.is_latest and feature.as_of_date >= %(day)s"""
_CONTACTS = """
    select campaign_id, campaign_name, coalesce(service_id, customer_id) as member_id, service_id, customer_id,
        contacted_at, coalesce(is_control, false) as is_control, coalesce(outcome = 'accepted', false) as is_accepted,
        case when outcome = 'accepted' and not is_control then offer_cost * coalesce(rate.rate, 1) else 0 end as cost
    from core.fct_campaign_contact
    left join lateral (
        select exchange.rate from reference.exchange_rates as exchange
        where exchange.from_currency = currency and exchange.to_currency = %(currency)s
            and exchange.rate_date between contacted_date - 31 and contacted_date
        order by exchange.rate_date desc limit 1
    ) as rate on currency <> %(currency)s
    where contacted_at < %(as_of)s order by campaign_id, contacted_at, contact_id"""
_HOLDERS = """
    select service_id::text, customer_id::text from core.dim_service
    where valid_from <= %s and valid_to > %s and service_id = any(%s::uuid[]) order by service_id"""
_MODELS = """
    select distinct on (model_name) model_name, model_version, trained_to_date, content from analytics.trained_models
    where model_name like %(prefix)s and is_promoted and as_of_date <= %(day)s
    order by model_name, as_of_date desc, computed_at desc"""
_LABELLED_TO = """
    select max((settings ->> 'labelled_to_date')::date) from analytics.trained_models
    where model_name like %(prefix)s and as_of_date <= %(day)s"""


@dataclass(frozen=True)
class Seeds:
    """What people may edit."""

    parameters: dict[str, float]
    rules: pd.DataFrame
    words: dict[str, dict[str, Any]]
    catalogue: list[dict[str, Any]]
    segments: dict[str, str]
    classes: dict[str, str]
    silences: tuple[int, ...]
    silent_days: int
    reconnection_days: int

    def lines_of(self, segments: Collection[str]) -> list[str]:
        """The lines of business whose rows may be of these segments; a business customer's may be any."""
        return sorted(line for line, segment in self.segments.items() if {segment, BUSINESS} & set(segments))


def read_seeds(connection: psycopg.Connection) -> Seeds:
    """The seeds of the churn scores.

    Raises:
        KeyError: a parameter is missing from its seed.
    """

    def rows(table: str) -> list[dict[str, Any]]:
        found = read_frame(connection, f"select * from reference.{table} order by 1").to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in found]

    silences = {int(row["silent_days"]): bool(row["is_leaving"]) for row in rows("churn_silences")}
    settings = {str(row["parameter"]): float(row["value"]) for row in rows("kpi_parameters")}
    return Seeds(
        {str(row["parameter"]): float(row["value"]) for row in rows("churn_parameters")},
        read_frame(connection, "select * from reference.churn_rules order by factor"),
        {str(row["feature"]): row for row in rows("churn_factors")},
        rows("churn_interventions"),
        {str(row["line_of_business"]): str(row["segment"]) for row in rows("churn_segments")},
        {str(row["customer_type"]): str(row["customer_class"]) for row in rows("customer_classes")},
        tuple(silences),
        next(days for days, is_leaving in silences.items() if is_leaving),
        int(settings["reconnection_days"]),
    )


@dataclass(frozen=True)
class Reader:
    """Reads what is known of customers or of services (`entity`) at AS_OF; `plan_savings` by instant, where known."""

    connection: psycopg.Connection
    entity: str
    as_of: datetime
    seeds: Seeds
    plan_savings: Mapping[datetime, Mapping[str, Decimal]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The column that identifies a row beside its as-of date."""
        return f"{self.entity}_id"

    @property
    def prefix(self) -> str:
        """What the names of the entity's models begin with."""
        return f"churn_{self.entity}_"

    def rows(self, condition: str, values: dict[str, object], *, is_light: bool = False) -> pd.DataFrame:
        """Feature rows since the value `from`, with what labels and rules need; light ones without the features."""
        rule_features = sorted(set(self.seeds.rules["feature"]))
        names = ["customer_type"] if self.entity == "customer" else ["customer_id"]
        light = ", ".join([_LIGHT.format(id=self.id), *(f"feature.{name}" for name in names)])
        beside = ["services_in_force", "account_status", "open_bills", "late_bills_365d"]
        wanted = [f"customer.{name}" for name in beside]
        wanted += [f"customer.{name} as customer_{name}" for name in rule_features]
        of_customer = "" if is_light else ", ".join([*wanted, ""])
        columns = light if is_light else "*"
        query = _ROWS[self.entity].format(columns=columns, condition=condition, of_customer=of_customer)
        return read_frame(self.connection, query, values, has_text_ids=True)

    def last_seen(self) -> pd.DataFrame:
        """Of every customer that had features the newest row's, and the first instant that anybody has any of."""
        return read_frame(self.connection, _LAST_SEEN, has_text_ids=True)

    def segments(self, rows: pd.DataFrame) -> pd.Series:
        """Each row's segment."""
        return segments_of(rows["line_of_business"], rows["customer_type"], self.seeds.segments, self.seeds.classes)

    def rules(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What the rules say of each row; of a service what they say of its customer."""
        features = rows
        if self.entity == "service":
            own = {f"customer_{name}": name for name in self.seeds.rules["feature"]}
            features = rows[list(own)].rename(columns=own)
        return rule_scores(features, self.seeds.rules, self.seeds.parameters)

    def features(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What a model sees of each row, and with it what a better plan would save it in a year."""
        known = model_features(rows.drop(columns=["usage_from_at", "usage_to_at"]))
        return known.assign(yearly_plan_saving=self._plan_savings(rows))

    def _plan_savings(self, rows: pd.DataFrame) -> pd.Series:
        """Of each row, re-rated by what was known at its instant; null where no month of use was there to rate."""
        found = pd.Series(float("nan"), index=rows.index)
        unknown = instants_of(rows) - set(self.plan_savings)
        savings = {**self.plan_savings, **plan_fits(self.connection, unknown)}
        for as_of_at, own in rows.groupby("as_of_at"):
            instant = pd.Timestamp(str(as_of_at)).to_pydatetime()
            saving = savings[instant]
            if self.entity == "service":
                found[own.index] = own["service_id"].astype(str).map(saving).astype(float)
                continue
            of_customer: dict[str, float] = {}
            for service_id, customer_id in self.connection.execute(_HOLDERS, [instant, instant, list(saving)]):
                of_customer[customer_id] = of_customer.get(customer_id, 0.0) + float(saving[service_id])
            found[own.index] = own["customer_id"].astype(str).map(of_customer)
        return found

    def stays(self, silent_days: int | None = None) -> pd.DataFrame:
        """The stays of services, or of customers."""
        services = read_frame(self.connection, _SERVICES, {"as_of": self.as_of}, has_text_ids=True)
        departures = read_frame(self.connection, _DEPARTURES, has_text_ids=True)
        stays = service_stays(services, departures, silent_days or self.seeds.silent_days)
        return stays if self.entity == "service" else customer_stays(stays, self.seeds.reconnection_days)

    def labels(
        self, rows: pd.DataFrame, horizons: Sequence[int] = HORIZONS, silent_days: int | None = None
    ) -> pd.DataFrame:
        """Who of the rows left within each horizon."""
        days = silent_days or self.seeds.silent_days
        return label_rows(rows, self.stays(days), self.id, horizons, pd.Timestamp(self.as_of), days)

    @property
    def horizons(self) -> tuple[int, ...]:
        """Those that are scored: of services the principal one, since each costs a model per segment."""
        return HORIZONS if self.entity == "customer" else (int(self.seeds.parameters["principal_horizon_days"]),)

    def labelled(self, from_date: date) -> Labelled:
        """Everything that can be learned from, since an as-of date."""
        rows = self.rows(PAST, {"from": from_date})
        return Labelled(
            self.features(rows), self.labels(rows, self.horizons), pd.to_datetime(rows["as_of_date"]),
            self.segments(rows), rows["customer_id"].astype(str), self.rules(rows)["rule_score"],
        )  # fmt: skip

    def bundles(self, day: date) -> dict[str, Last]:
        """What each segment is scored with on a day: the newest model by then that took over."""
        found = self.connection.execute(_MODELS.encode(), {"prefix": f"{self.prefix}%", "day": day})
        return {
            name.removeprefix(self.prefix): Last(version, trained_to, Bundle.from_bytes(bytes(content)))
            for name, version, trained_to, content in found
        }

    def labelled_to(self, day: date) -> date | None:
        """The newest labelled as-of date that any model by then has seen, promoted or not."""
        found = self.connection.execute(_LABELLED_TO.encode(), {"prefix": f"{self.prefix}%", "day": day}).fetchone()
        return found[0] if found else None


def instants_of(rows: pd.DataFrame) -> set[datetime]:
    """The instants that feature rows stand for."""
    return {pd.Timestamp(at).to_pydatetime() for at in rows["as_of_at"].unique()}


def read_value(connection: psycopg.Connection, as_of: datetime, day: date, currency: str) -> pd.DataFrame:
    """Per customer at AS_OF the monthly margin, the stored value, the CRM's score and the last contact."""
    values = {"as_of": as_of, "day": day, "currency": currency}
    return read_frame(connection, _VALUE, values, has_text_ids=True)


def read_contacts(connection: psycopg.Connection, as_of: datetime, currency: str) -> pd.DataFrame:
    """Campaign contacts by AS_OF, control members with them; the cost is that of accepted offers."""
    return read_frame(connection, _CONTACTS, {"as_of": as_of, "currency": currency}, has_text_ids=True)
