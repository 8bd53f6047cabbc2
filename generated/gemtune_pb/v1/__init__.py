"""Messages and enums of `package gemtune.v1`. Generated; do not edit."""

from .autorater_config_pb2 import AutoraterConfig as AutoraterConfig
from .catalogue_pb2 import BaseModel as BaseModel
from .catalogue_pb2 import FieldLimit as FieldLimit
from .catalogue_pb2 import Lifecycle as Lifecycle
from .catalogue_pb2 import MediaLimit as MediaLimit
from .catalogue_pb2 import ModelCatalogue as ModelCatalogue
from .catalogue_pb2 import TuningLimits as TuningLimits
from .content_pb2 import AudioMetadata as AudioMetadata
from .content_pb2 import AudioTranscription as AudioTranscription
from .content_pb2 import Blob as Blob
from .content_pb2 import CodeExecutionResult as CodeExecutionResult
from .content_pb2 import Content as Content
from .content_pb2 import DocumentMetadata as DocumentMetadata
from .content_pb2 import ExecutableCode as ExecutableCode
from .content_pb2 import FileData as FileData
from .content_pb2 import FunctionCall as FunctionCall
from .content_pb2 import FunctionResponse as FunctionResponse
from .content_pb2 import FunctionResponseBlob as FunctionResponseBlob
from .content_pb2 import FunctionResponseFileData as FunctionResponseFileData
from .content_pb2 import FunctionResponsePart as FunctionResponsePart
from .content_pb2 import Part as Part
from .content_pb2 import PartialArg as PartialArg
from .content_pb2 import SpeechMetadata as SpeechMetadata
from .content_pb2 import SpreadsheetMetadata as SpreadsheetMetadata
from .content_pb2 import VideoMetadata as VideoMetadata
from .dataset_pb2 import DatasetFile as DatasetFile
from .dataset_pb2 import DatasetProblem as DatasetProblem
from .dataset_pb2 import DatasetReport as DatasetReport
from .dataset_pb2 import DatasetRole as DatasetRole
from .dataset_pb2 import PreferenceExample as PreferenceExample
from .dataset_pb2 import ReinforcementExample as ReinforcementExample
from .dataset_pb2 import SupervisedExample as SupervisedExample
from .estimate_pb2 import CostEstimate as CostEstimate
from .estimate_pb2 import CostRange as CostRange
from .estimate_pb2 import CountRange as CountRange
from .estimate_pb2 import PriceTable as PriceTable
from .estimate_pb2 import TokenEstimate as TokenEstimate
from .estimate_pb2 import TuningPrice as TuningPrice
from .evaluation_pb2 import DatasetCustomMetric as DatasetCustomMetric
from .evaluation_pb2 import EvaluationConfig as EvaluationConfig
from .evaluation_pb2 import GcsDestination as GcsDestination
from .evaluation_pb2 import OutputConfig as OutputConfig
from .evaluation_result_pb2 import AggregationOutput as AggregationOutput
from .evaluation_result_pb2 import AggregationResult as AggregationResult
from .evaluation_result_pb2 import BigQuerySource as BigQuerySource
from .evaluation_result_pb2 import BleuMetricValue as BleuMetricValue
from .evaluation_result_pb2 import CustomCodeExecutionResult as CustomCodeExecutionResult
from .evaluation_result_pb2 import CustomOutput as CustomOutput
from .evaluation_result_pb2 import EvaluateDatasetResponse as EvaluateDatasetResponse
from .evaluation_result_pb2 import EvaluationDataset as EvaluationDataset
from .evaluation_result_pb2 import ExactMatchMetricValue as ExactMatchMetricValue
from .evaluation_result_pb2 import GcsSource as GcsSource
from .evaluation_result_pb2 import OutputInfo as OutputInfo
from .evaluation_result_pb2 import PairwiseChoice as PairwiseChoice
from .evaluation_result_pb2 import PairwiseMetricResult as PairwiseMetricResult
from .evaluation_result_pb2 import PointwiseMetricResult as PointwiseMetricResult
from .evaluation_result_pb2 import RawOutput as RawOutput
from .evaluation_result_pb2 import RougeMetricValue as RougeMetricValue
from .generation_config_pb2 import AudioTranscriptionConfig as AudioTranscriptionConfig
from .generation_config_pb2 import GenerationConfig as GenerationConfig
from .generation_config_pb2 import ImageConfig as ImageConfig
from .generation_config_pb2 import MultiSpeakerVoiceConfig as MultiSpeakerVoiceConfig
from .generation_config_pb2 import PrebuiltVoiceConfig as PrebuiltVoiceConfig
from .generation_config_pb2 import ReplicatedVoiceConfig as ReplicatedVoiceConfig
from .generation_config_pb2 import SpeakerVoiceConfig as SpeakerVoiceConfig
from .generation_config_pb2 import SpeechConfig as SpeechConfig
from .generation_config_pb2 import TranslationConfig as TranslationConfig
from .generation_config_pb2 import VoiceConfig as VoiceConfig
from .job_state_pb2 import JobState as JobState
from .job_state_pb2 import TuningJobState as TuningJobState
from .metric_pb2 import BleuSpec as BleuSpec
from .metric_pb2 import ComputationBasedMetricSpec as ComputationBasedMetricSpec
from .metric_pb2 import CustomCodeExecutionSpec as CustomCodeExecutionSpec
from .metric_pb2 import CustomOutputFormatConfig as CustomOutputFormatConfig
from .metric_pb2 import EvaluationParserConfig as EvaluationParserConfig
from .metric_pb2 import ExactMatchSpec as ExactMatchSpec
from .metric_pb2 import LLMBasedMetricSpec as LLMBasedMetricSpec
from .metric_pb2 import Metric as Metric
from .metric_pb2 import MetricMetadata as MetricMetadata
from .metric_pb2 import PairwiseMetricSpec as PairwiseMetricSpec
from .metric_pb2 import PointwiseMetricSpec as PointwiseMetricSpec
from .metric_pb2 import PredefinedMetricSpec as PredefinedMetricSpec
from .metric_pb2 import RougeSpec as RougeSpec
from .metric_pb2 import RubricGenerationSpec as RubricGenerationSpec
from .metric_pb2 import StepBasedLlmMetricSpec as StepBasedLlmMetricSpec
from .model_tuning_pb2 import DistillationHyperParameters as DistillationHyperParameters
from .model_tuning_pb2 import DistillationSamplingSpec as DistillationSamplingSpec
from .model_tuning_pb2 import DistillationSpec as DistillationSpec
from .model_tuning_pb2 import PartnerModelTuningSpec as PartnerModelTuningSpec
from .model_tuning_pb2 import VeoHyperParameters as VeoHyperParameters
from .model_tuning_pb2 import VeoLoraTuningSpec as VeoLoraTuningSpec
from .model_tuning_pb2 import VeoTuningSpec as VeoTuningSpec
from .prediction_service_pb2 import CountTokensRequest as CountTokensRequest
from .prediction_service_pb2 import CountTokensResponse as CountTokensResponse
from .prediction_service_pb2 import Modality as Modality
from .prediction_service_pb2 import ModalityTokenCount as ModalityTokenCount
from .preference_optimization_pb2 import GeminiPreferenceExample as GeminiPreferenceExample
from .preference_optimization_pb2 import PreferenceOptimizationHyperParameters as PreferenceOptimizationHyperParameters
from .preference_optimization_pb2 import PreferenceOptimizationSpec as PreferenceOptimizationSpec
from .reinforcement_tuning_pb2 import CompositeReinforcementTuningRewardConfig as CompositeReinforcementTuningRewardConfig
from .reinforcement_tuning_pb2 import ReinforcementTuningAutoraterScorer as ReinforcementTuningAutoraterScorer
from .reinforcement_tuning_pb2 import ReinforcementTuningCloudRunRewardScorer as ReinforcementTuningCloudRunRewardScorer
from .reinforcement_tuning_pb2 import ReinforcementTuningCodeExecutionRewardScorer as ReinforcementTuningCodeExecutionRewardScorer
from .reinforcement_tuning_pb2 import ReinforcementTuningExample as ReinforcementTuningExample
from .reinforcement_tuning_pb2 import ReinforcementTuningHyperParameters as ReinforcementTuningHyperParameters
from .reinforcement_tuning_pb2 import ReinforcementTuningParseResponseConfig as ReinforcementTuningParseResponseConfig
from .reinforcement_tuning_pb2 import ReinforcementTuningSpec as ReinforcementTuningSpec
from .reinforcement_tuning_pb2 import ReinforcementTuningStringMatchRewardScorer as ReinforcementTuningStringMatchRewardScorer
from .reinforcement_tuning_pb2 import ReinforcementTuningUserDatasetExamples as ReinforcementTuningUserDatasetExamples
from .reinforcement_tuning_pb2 import SingleReinforcementTuningRewardConfig as SingleReinforcementTuningRewardConfig
from .response_format_pb2 import AudioResponseFormat as AudioResponseFormat
from .response_format_pb2 import ImageResponseFormat as ImageResponseFormat
from .response_format_pb2 import ResponseFormat as ResponseFormat
from .response_format_pb2 import TextResponseFormat as TextResponseFormat
from .response_format_pb2 import VideoResponseFormat as VideoResponseFormat
from .retrieval_pb2 import ApiAuth as ApiAuth
from .retrieval_pb2 import AuthConfig as AuthConfig
from .retrieval_pb2 import AuthType as AuthType
from .retrieval_pb2 import ExternalApi as ExternalApi
from .retrieval_pb2 import HttpElementLocation as HttpElementLocation
from .retrieval_pb2 import RagRetrievalConfig as RagRetrievalConfig
from .retrieval_pb2 import Retrieval as Retrieval
from .retrieval_pb2 import VertexAISearch as VertexAISearch
from .retrieval_pb2 import VertexRagStore as VertexRagStore
from .schema_pb2 import Schema as Schema
from .schema_pb2 import Type as Type
from .supervised_tuning_pb2 import FullFineTuningSpec as FullFineTuningSpec
from .supervised_tuning_pb2 import SupervisedHyperParameters as SupervisedHyperParameters
from .supervised_tuning_pb2 import SupervisedTuningSpec as SupervisedTuningSpec
from .tool_pb2 import DynamicRetrievalConfig as DynamicRetrievalConfig
from .tool_pb2 import EnterpriseWebSearch as EnterpriseWebSearch
from .tool_pb2 import FunctionDeclaration as FunctionDeclaration
from .tool_pb2 import GoogleMaps as GoogleMaps
from .tool_pb2 import GoogleSearchRetrieval as GoogleSearchRetrieval
from .tool_pb2 import Tool as Tool
from .tool_pb2 import UrlContext as UrlContext
from .tuning_data_stats_pb2 import DatasetDistribution as DatasetDistribution
from .tuning_data_stats_pb2 import DatasetStats as DatasetStats
from .tuning_data_stats_pb2 import DistillationDataStats as DistillationDataStats
from .tuning_data_stats_pb2 import PreferenceOptimizationDataStats as PreferenceOptimizationDataStats
from .tuning_data_stats_pb2 import SupervisedTuningDataStats as SupervisedTuningDataStats
from .tuning_data_stats_pb2 import SupervisedTuningDatasetDistribution as SupervisedTuningDatasetDistribution
from .tuning_data_stats_pb2 import TuningDataStats as TuningDataStats
from .tuning_job_pb2 import EncryptionSpec as EncryptionSpec
from .tuning_job_pb2 import EvaluateDatasetRun as EvaluateDatasetRun
from .tuning_job_pb2 import PreTunedModel as PreTunedModel
from .tuning_job_pb2 import TunedModel as TunedModel
from .tuning_job_pb2 import TunedModelCheckpoint as TunedModelCheckpoint
from .tuning_job_pb2 import TuningJob as TuningJob
from .tuning_job_pb2 import TuningJobMetadata as TuningJobMetadata
from .tuning_service_pb2 import CancelTuningJobRequest as CancelTuningJobRequest
from .tuning_service_pb2 import CreateTuningJobRequest as CreateTuningJobRequest
from .tuning_service_pb2 import GenericOperationMetadata as GenericOperationMetadata
from .tuning_service_pb2 import GetTuningJobRequest as GetTuningJobRequest
from .tuning_service_pb2 import ListTuningJobsRequest as ListTuningJobsRequest
from .tuning_service_pb2 import ListTuningJobsResponse as ListTuningJobsResponse
from .tuning_service_pb2 import OptimizePromptRequest as OptimizePromptRequest
from .tuning_service_pb2 import OptimizePromptResponse as OptimizePromptResponse
from .tuning_service_pb2 import RebaseTunedModelOperationMetadata as RebaseTunedModelOperationMetadata
from .tuning_service_pb2 import RebaseTunedModelRequest as RebaseTunedModelRequest
from .tuning_service_pb2 import ReinforcementTuningRewardInfo as ReinforcementTuningRewardInfo
from .tuning_service_pb2 import TunedModelRef as TunedModelRef
from .tuning_service_pb2 import ValidateReinforcementTuningRewardRequest as ValidateReinforcementTuningRewardRequest
from .tuning_service_pb2 import ValidateReinforcementTuningRewardResponse as ValidateReinforcementTuningRewardResponse

__all__ = [
    "AggregationOutput",
    "AggregationResult",
    "ApiAuth",
    "AudioMetadata",
    "AudioResponseFormat",
    "AudioTranscription",
    "AudioTranscriptionConfig",
    "AuthConfig",
    "AuthType",
    "AutoraterConfig",
    "BaseModel",
    "BigQuerySource",
    "BleuMetricValue",
    "BleuSpec",
    "Blob",
    "CancelTuningJobRequest",
    "CodeExecutionResult",
    "CompositeReinforcementTuningRewardConfig",
    "ComputationBasedMetricSpec",
    "Content",
    "CostEstimate",
    "CostRange",
    "CountRange",
    "CountTokensRequest",
    "CountTokensResponse",
    "CreateTuningJobRequest",
    "CustomCodeExecutionResult",
    "CustomCodeExecutionSpec",
    "CustomOutput",
    "CustomOutputFormatConfig",
    "DatasetCustomMetric",
    "DatasetDistribution",
    "DatasetFile",
    "DatasetProblem",
    "DatasetReport",
    "DatasetRole",
    "DatasetStats",
    "DistillationDataStats",
    "DistillationHyperParameters",
    "DistillationSamplingSpec",
    "DistillationSpec",
    "DocumentMetadata",
    "DynamicRetrievalConfig",
    "EncryptionSpec",
    "EnterpriseWebSearch",
    "EvaluateDatasetResponse",
    "EvaluateDatasetRun",
    "EvaluationConfig",
    "EvaluationDataset",
    "EvaluationParserConfig",
    "ExactMatchMetricValue",
    "ExactMatchSpec",
    "ExecutableCode",
    "ExternalApi",
    "FieldLimit",
    "FileData",
    "FullFineTuningSpec",
    "FunctionCall",
    "FunctionDeclaration",
    "FunctionResponse",
    "FunctionResponseBlob",
    "FunctionResponseFileData",
    "FunctionResponsePart",
    "GcsDestination",
    "GcsSource",
    "GeminiPreferenceExample",
    "GenerationConfig",
    "GenericOperationMetadata",
    "GetTuningJobRequest",
    "GoogleMaps",
    "GoogleSearchRetrieval",
    "HttpElementLocation",
    "ImageConfig",
    "ImageResponseFormat",
    "JobState",
    "LLMBasedMetricSpec",
    "Lifecycle",
    "ListTuningJobsRequest",
    "ListTuningJobsResponse",
    "MediaLimit",
    "Metric",
    "MetricMetadata",
    "Modality",
    "ModalityTokenCount",
    "ModelCatalogue",
    "MultiSpeakerVoiceConfig",
    "OptimizePromptRequest",
    "OptimizePromptResponse",
    "OutputConfig",
    "OutputInfo",
    "PairwiseChoice",
    "PairwiseMetricResult",
    "PairwiseMetricSpec",
    "Part",
    "PartialArg",
    "PartnerModelTuningSpec",
    "PointwiseMetricResult",
    "PointwiseMetricSpec",
    "PreTunedModel",
    "PrebuiltVoiceConfig",
    "PredefinedMetricSpec",
    "PreferenceExample",
    "PreferenceOptimizationDataStats",
    "PreferenceOptimizationHyperParameters",
    "PreferenceOptimizationSpec",
    "PriceTable",
    "RagRetrievalConfig",
    "RawOutput",
    "RebaseTunedModelOperationMetadata",
    "RebaseTunedModelRequest",
    "ReinforcementExample",
    "ReinforcementTuningAutoraterScorer",
    "ReinforcementTuningCloudRunRewardScorer",
    "ReinforcementTuningCodeExecutionRewardScorer",
    "ReinforcementTuningExample",
    "ReinforcementTuningHyperParameters",
    "ReinforcementTuningParseResponseConfig",
    "ReinforcementTuningRewardInfo",
    "ReinforcementTuningSpec",
    "ReinforcementTuningStringMatchRewardScorer",
    "ReinforcementTuningUserDatasetExamples",
    "ReplicatedVoiceConfig",
    "ResponseFormat",
    "Retrieval",
    "RougeMetricValue",
    "RougeSpec",
    "RubricGenerationSpec",
    "Schema",
    "SingleReinforcementTuningRewardConfig",
    "SpeakerVoiceConfig",
    "SpeechConfig",
    "SpeechMetadata",
    "SpreadsheetMetadata",
    "StepBasedLlmMetricSpec",
    "SupervisedExample",
    "SupervisedHyperParameters",
    "SupervisedTuningDataStats",
    "SupervisedTuningDatasetDistribution",
    "SupervisedTuningSpec",
    "TextResponseFormat",
    "TokenEstimate",
    "Tool",
    "TranslationConfig",
    "TunedModel",
    "TunedModelCheckpoint",
    "TunedModelRef",
    "TuningDataStats",
    "TuningJob",
    "TuningJobMetadata",
    "TuningJobState",
    "TuningLimits",
    "TuningPrice",
    "Type",
    "UrlContext",
    "ValidateReinforcementTuningRewardRequest",
    "ValidateReinforcementTuningRewardResponse",
    "VeoHyperParameters",
    "VeoLoraTuningSpec",
    "VeoTuningSpec",
    "VertexAISearch",
    "VertexRagStore",
    "VideoMetadata",
    "VideoResponseFormat",
    "VoiceConfig",
]
