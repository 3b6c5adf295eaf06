select thing_id, label from world.things
