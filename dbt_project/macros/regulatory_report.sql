{# regulatory.generate_regulatory_report: the newest package of a filing under the source's signature, with the caller's rights.
   What does not exist is an error that says what does and how to get the rest. #}
{% macro create_regulatory_report() -%}
create or replace function regulatory.generate_regulatory_report(
    provider_uuid uuid, report_type varchar, report_period_start date default null, report_period_end date default current_date
)
returns table (
    report_data jsonb, compliance_status varchar, submission_deadline date, required_filings jsonb, validation_errors jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $report$
declare
    known constant text[] := array['fcc_form477', 'census_block', 'emergency_readiness'];
    available text;
begin
    if report_type is null or report_type <> all(known) then
        raise exception 'report type %: there is none such', coalesce(quote_literal(report_type), 'null')
            using errcode = '22023', hint = 'Known are ' || array_to_string(known, ', ') || '.';
    end if;
    if not exists (
        select from core.dim_provider as provider
        where provider.provider_id = provider_uuid and provider.provider_id <> {{ unknown_id() }}
    ) then
        select string_agg(provider.provider_id || ' (' || provider.provider_name || ')', ', ' order by provider.provider_name)
        into available from core.dim_provider as provider where provider.provider_id <> {{ unknown_id() }};
        raise exception 'provider %: there is none of that id', coalesce(provider_uuid::text, 'null')
            using errcode = '22023', hint = 'Known are ' || coalesce(available, 'none at all') || '.';
    end if;
    return query
    select status.report_data, status.compliance_status::varchar, status.submission_deadline, status.required_filings,
        status.validation_errors
    from regulatory.filing_status as status
    where status.provider_id = provider_uuid and status.report_type = generate_regulatory_report.report_type
        and status.period_end = report_period_end
        and (
            report_period_start is null and (
                status.report_type <> 'emergency_readiness' or status.period_start = date_trunc('year', report_period_end::timestamp)
            )
            or status.period_start = report_period_start
        );
    if not found then
        select string_agg(status.period_start || ' to ' || status.period_end, ', ' order by status.period_end, status.period_start)
        into available from regulatory.filing_status as status
        where status.provider_id = provider_uuid and status.report_type = generate_regulatory_report.report_type;
        raise exception '% of % for % has not been generated', report_type, provider_uuid, report_period_end
            using errcode = 'P0002', hint = 'There are ' || coalesce(available, 'none at all')
                || '. Generate it with: make filings AS_OF_DATE=' || report_period_end;
    end if;
end
$report$;
{{ let_readers_call('regulatory.generate_regulatory_report(uuid, varchar, date, date)', 'filings') }}
{%- endmacro %}
