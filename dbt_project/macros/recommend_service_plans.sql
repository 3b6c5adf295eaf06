{# analytics.recommend_service_plans: the source's function, over the newest advice in analytics.plan_recommendations, with the
   caller's rights (row security decides which services show). Roles that read the table may call it. #}
{% macro create_recommend_service_plans() -%}
create or replace function analytics.recommend_service_plans(customer_uuid uuid)
returns table (
    current_plan varchar, recommended_plan varchar, recommendation_reason varchar, expected_savings decimal,
    expected_quality_improvement varchar, confidence_score decimal
)
language plpgsql stable security invoker
set search_path = pg_catalog, pg_temp
as $recommend$
declare
    newest date;
    services bigint;
begin
    select max(advice.as_of_date) into newest from analytics.plan_recommendations as advice;
    if newest is null then
        raise exception 'no plan advice that you may read has been computed'
            using errcode = '02000', hint = 'Run the pipeline (make run CADENCE=daily): it writes analytics.plan_recommendations.';
    end if;
    return query
    select
        advice.current_plan::varchar, advice.recommended_plan::varchar, advice.recommendation_reason::varchar,
        advice.expected_savings::decimal, advice.expected_quality_improvement::varchar, advice.confidence_score::decimal
    from analytics.plan_recommendations as advice
    where advice.customer_id = customer_uuid and advice.as_of_date = newest
    order by advice.expected_savings desc, advice.service_id, advice.advice_kind;
    if not found then
        select count(distinct advice.service_id) into services
        from analytics.plan_recommendations as advice where advice.as_of_date = newest;
        raise exception 'no plan advice for customer %', coalesce(customer_uuid::text, 'null')
            using errcode = '02000',
            detail = format('Advice as of %s exists for %s services that you may read.', newest, services),
            hint = 'The customer is unknown, had no service in force on that day, or is not yours to see.';
    end if;
end
$recommend$;
{{ let_readers_call('analytics.recommend_service_plans(uuid)', 'plan_advice') }}
{%- endmacro %}
