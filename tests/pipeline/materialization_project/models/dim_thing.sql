{{ config(indexes=[
    {'columns': ['label']},
    {'columns': ['tags'], 'type': 'gin'},
    {'expression': "to_tsvector('simple', label)", 'type': 'gin'},
    {'columns': ['seen_at'], 'type': 'brin'},
]) }}

select * from world.things
