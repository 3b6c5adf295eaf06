{# Bytes in GB of 2^30 bytes. #}
{% macro gigabytes(bytes) -%} ({{ bytes }} / power(2::numeric, 30)) {%- endmacro %}

{# Data per observed day of the last 30, over that of the 60 before; null where either was not observed or there was none. #}
{% macro usage_trend_ratio(usage) -%}
    ({{ usage }}.data_bytes_30d / nullif({{ usage }}.observed_days_30d, 0)::numeric)
    / nullif({{ usage }}.data_bytes_31_90d / nullif({{ usage }}.observed_days_31_90d, 0)::numeric, 0)
{%- endmacro %}
