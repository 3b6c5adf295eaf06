{# The functions that the source design names, over the tables of schema analytics; that of schema regulatory stands beside
   its tables. #}
{% macro create_source_functions() -%}
{{ create_recommend_service_plans() }};
{{ create_predict_customer_churn() }};
{{ create_plan_network_capacity() }};
{{ create_monitor_network_security() }};
{{ create_mute_finding() }}
{%- endmacro %}

{# Who may call a function: the roles that read a class of tables, and nobody else. `besides_filters` are filters of rows that do not count. #}
{% macro let_readers_call(signature, class_name, besides_filters=[]) -%}
revoke all on function {{ signature }} from public;
do $grant$
declare
    reader text;
begin
    if to_regprocedure('access.wanted(regclass)') is not null then
        for reader in
            select distinct rules.role_name from access.rules inner join pg_roles on rolname = rules.role_name
            where rules.class_name = '{{ class_name }}' and rules.row_filter <> all({{ text_array(besides_filters) }})
        loop
            execute format('grant execute on function {{ signature }} to %I', reader);
        end loop;
    end if;
end
$grant$
{%- endmacro %}
