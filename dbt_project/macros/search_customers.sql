{# core.search_customers: full-text search over clear names, whose index row security would leave unused (the operator is not
   leakproof). So it runs with the owner's rights, and first asks which rows of dim_customer_pii the caller's role may read:
   the same rules and the same conditions as that table's policies. Each search is in the access log.
   The hook's statements run in the transaction of dim_customer_pii. #}
{% macro create_search_customers() -%}
create or replace function core.search_customers(words text, reason text, at_most integer default 100)
returns table (
    customer_id uuid, first_name text, last_name text, company_name text, city text, state text, postal_code text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $search$
declare
    caller constant name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    conditions text;
    found bigint;
begin
    if coalesce(btrim(reason), '') = '' then
        raise exception 'a search for names needs a reason' using errcode = '22023', hint = 'Give the ticket or the order.';
    end if;
    select string_agg(format('(%s)', wanted.condition), ' or ') into conditions
    from access.wanted('core.dim_customer_pii') as wanted
    inner join access.rules on rules.role_name = wanted.role_name and rules.class_name = 'customer_names'
    where rules.row_filter <> 'customer' and pg_has_role(caller, wanted.role_name, 'USAGE');
    if conditions is null then
        raise exception '% may not search for customers by name', caller using errcode = '42501';
    end if;
    return query execute format(
        'select customer_id, first_name, last_name, company_name, city, state, postal_code from core.dim_customer_pii'
        ' where name_search @@ plainto_tsquery(''pg_catalog.simple'', $1) and (%s) order by customer_id limit $2', conditions
    ) using words, at_most;
    get diagnostics found = row_count;
    insert into audit.access_log (what, reason, rows_read) values ('core.search_customers', reason, found);
end
$search$;
{{ let_readers_call('core.search_customers(text, text, integer)', 'customer_names', ['customer']) }}
{%- endmacro %}
