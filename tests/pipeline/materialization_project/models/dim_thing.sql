{{ config(effect={'from': 'changed.seen_at', 'dates': ['seen_at']}, indexes=[
    {'columns': ['label']},
    {'columns': ['tags'], 'type': 'gin'},
    {'expression': "to_tsvector('simple', label)", 'type': 'gin'},
    {'columns': ['seen_at'], 'type': 'brin'},
]) }}

select * from world.things
