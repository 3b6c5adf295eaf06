{# analytics.predict_customer_churn: the source design's function, over what the run has computed, with the caller's rights.
   What is not there is an error that says what is and how to get the rest. #}
{% macro create_predict_customer_churn() -%}
create or replace function analytics.predict_customer_churn(customer_uuid uuid)
returns table (
    churn_probability decimal,
    churn_risk_level varchar,
    risk_factors jsonb,
    intervention_recommendations jsonb,
    expected_lifetime_value_impact decimal,
    confidence_score decimal
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $predict$
declare
    newest constant date := (select max(as_of_date) from analytics.churn_scores);
    scored constant bigint := (select count(*) from analytics.churn_scores where as_of_date = newest);
    last_scored constant date := (
        select max(as_of_date) from analytics.churn_scores where customer_id = customer_uuid
    );
begin
    if newest is null then
        raise exception 'no customer has a churn score that % may read', current_user
            using errcode = 'P0002', hint = 'The daily run computes them: make run, or materialize analytics/churn_scores.';
    end if;
    if last_scored is null then
        raise exception 'customer % has no churn score that % may read; % customers have one as of %',
            customer_uuid, current_user, scored, newest
            using errcode = 'P0002', hint = 'Scores are for customers with a service in force; look in core.dim_customer'
                ' whether this one is known, and wait for the next daily run if it is new.';
    end if;
    if last_scored < newest then
        raise exception 'customer % was last scored as of %; the newest scores are as of %',
            customer_uuid, last_scored, newest
            using errcode = 'P0002', hint = 'No service of this customer is in force any more; the old scores are in'
                ' analytics.churn_scores.';
    end if;
    return query
        select
            score.churn_probability::decimal, score.churn_risk_level::varchar, score.risk_factors,
            score.intervention_recommendations, score.expected_lifetime_value_impact::decimal, score.confidence_score::decimal
        from analytics.churn_scores as score
        where score.customer_id = customer_uuid and score.as_of_date = newest;
end
$predict$;
comment on function analytics.predict_customer_churn(uuid) is
    'The newest churn score of a customer: probability, level, factors, interventions, expected loss, confidence.';
{{ let_readers_call('analytics.predict_customer_churn(uuid)', 'churn') }}
{%- endmacro %}
