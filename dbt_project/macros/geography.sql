{# A place as a point (longitude, latitude) in degrees; null unless both are known. #}
{% macro place(longitude, latitude) -%} point({{ longitude }}::double precision, {{ latitude }}::double precision) {%- endmacro %}

{# The smallest box around every position of a GeoJSON value, in degrees; null without one. A shape that crosses the
   180th meridian is split by RFC 7946 and gets the box around its parts. #}
{% macro bounding_box(geojson) -%}
    (
        select
            box(
                point(max((position #>> '{0}')::double precision), max((position #>> '{1}')::double precision)),
                point(min((position #>> '{0}')::double precision), min((position #>> '{1}')::double precision))
            )
        from
            jsonb_path_query({{ geojson }}, 'lax $.**.coordinates') as coordinates,
            jsonb_path_query(
                coordinates, 'strict $.** ? (@.type() == "array" && @[0].type() == "number")'
            ) as position
    )
{%- endmacro %}

{# The box around a circle on a sphere of the Earth's mean radius; null unless all three are known. #}
{% macro circle_box(longitude, latitude, radius_km) -%}
    box(
        point(
            {{ longitude }}::double precision + degrees(asin(
                sin({{ radius_km }}::double precision / 6371.0088) / cos(radians({{ latitude }}::double precision))
            )),
            {{ latitude }}::double precision + degrees({{ radius_km }}::double precision / 6371.0088)
        ),
        point(
            {{ longitude }}::double precision - degrees(asin(
                sin({{ radius_km }}::double precision / 6371.0088) / cos(radians({{ latitude }}::double precision))
            )),
            {{ latitude }}::double precision - degrees({{ radius_km }}::double precision / 6371.0088)
        )
    )
{%- endmacro %}
