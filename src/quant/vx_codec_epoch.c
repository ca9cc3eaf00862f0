/*
 * vx_codec_epoch.c: which model a code is of, and the models that a codec has.
 *
 * A model is an epoch, a number that grows. The newest two are known at the same time, told apart by the parity of the epoch, which is
 * also the place that a model has on disk. While codes of both may be met the codec is mixed: it gets queries ready for both. How much
 * of its epoch a code says is its kind's business (VxCodecOps.code_parity).
 */
#include "quant/vx_codec_impl.h"

void
vx_codec_set_models(VxCodec *codec, const VxMem *mem, uint32_t epoch, bool mixed, const void *model0, const void *model1)
{
	const void *models[2] = {model0, model1};

	if (codec->ops->set_models != NULL)
		codec->ops->set_models(codec, mem, models, vx_epoch_parity(epoch));
	memcpy(codec->model, models, sizeof(models));
	codec->epoch = epoch;
	codec->mixed = mixed;
}

bool
vx_codec_is_current(const VxCodec *codec, const uint8_t *code)
{
	bool		known;

	codec->ops->code_parity(codec->epoch, false, code, &known);
	return known;
}

int
vx_codec_parity_of(const VxCodec *codec, const uint8_t *code, bool *known)
{
	return codec->ops->code_parity(codec->epoch, codec->mixed, code, known);
}
