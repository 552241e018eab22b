"""Train a small vision transformer on the digits with Hugging Face's Trainer, and go on where it was cut off."""

import json
import os
from pathlib import Path

from sklearn.datasets import load_digits
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification, set_seed

from ci_kit.resume.transformers import Resume, newest

pixels, digits = load_digits(return_X_y=True)
images = (pixels / 16).astype("float32").reshape(-1, 1, 8, 8)
data = [{"pixel_values": image, "labels": digit} for image, digit in zip(images, digits, strict=True)]

set_seed(1)
shape = ViTConfig(
    image_size=8,
    patch_size=2,
    num_channels=1,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=64,
    hidden_dropout_prob=0.1,
    num_labels=10,
)
arguments = TrainingArguments(
    output_dir=os.environ.get("CI_KIT_CHECKPOINT_DIR", "checkpoints"),
    num_train_epochs=5,
    per_device_train_batch_size=32,
    learning_rate=3e-3,
    save_strategy="steps",
    save_steps=20,
    save_total_limit=2,  # at least two: the one before goes only when the new one is whole
    seed=1,
    use_cpu=True,
    report_to="none",
    disable_tqdm=True,
)
start = newest(arguments.output_dir)
# By from_pretrained: train() alone leaves out the layers that transformers 5 has renamed, and goes on with new ones.
model = ViTForImageClassification.from_pretrained(start) if start else ViTForImageClassification(shape)
trainer = Trainer(
    model,
    arguments,
    train_dataset=data,
    eval_dataset=data,
    compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(1) == found.label_ids).mean())},
    callbacks=[Resume()],  # seals each checkpoint, and saves when the job is about to end, too
)
# The Trainer reads checkpoints with weights_only and finds its place in the data by itself.
trainer.train(resume_from_checkpoint=start)

trainer.save_model("model")
Path("metrics.json").write_text(json.dumps({"accuracy": trainer.evaluate()["eval_accuracy"]}))
