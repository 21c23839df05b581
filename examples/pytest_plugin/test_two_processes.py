import math


def train(setup):  # runs in each process; call your own training function here
    trainer = setup.create_trainer()
    (metrics,) = setup.train(steps=1)
    return trainer.accelerator.num_processes, dict(metrics)


def test_two_processes_train_together(ppo_processes):
    first, second = ppo_processes(2, learning_rate=1e-4).run(train)
    assert first == second
    assert first[0] == 2
    assert math.isfinite(first[1]["policy_loss"])
