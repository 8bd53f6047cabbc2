"""Names of google-cloud-aiplatform 2.7.0, read with `inspect`: what code that was written for it may use.

Plain Python without imports: the interoperability tests hold it against the package itself, where gemtune is not.
"""

INIT = """project location experiment experiment_description experiment_tensorboard staging_bucket credentials
    encryption_spec_key_name network service_account api_endpoint api_key api_transport request_metadata""".split()
TRAIN = """source_model train_dataset validation_dataset tuned_model_display_name tuning_mode epochs learning_rate
    learning_rate_multiplier adapter_size labels output_uri""".split()
REBASE = "tuned_model_ref artifact_destination deploy_to_same_endpoint".split()
JOB = """cancel create_time display_name encryption_spec error experiment gca_resource has_ended has_succeeded labels list
    name refresh resource_name service_account state to_dict tuned_model_endpoint_name tuned_model_name
    tuning_data_statistics update_time""".split()
NOT_OURS = ["client_class"]  # of a job: what calls the service there
MODULES = {
    "vertexai": "init preview",
    "vertexai.preview.tuning": "SourceModel TuningJob",
    "vertexai.preview.tuning.sft": (
        "PreviewSupervisedTuningJob SupervisedTuningJob preview_train rebase_tuned_model train"
    ),
    "vertexai.tuning": "SourceModel TuningJob",
    "vertexai.tuning.sft": "SupervisedTuningJob train",
}
